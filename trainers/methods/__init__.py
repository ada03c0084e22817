"""Training methods, a file each: who plays whom in an update, and what each token should learn from it."""

from sparring import registry

registry.require_installed("torch", "train")
registry.require_installed("transformers", "train")
