"""Training methods: each turns stored episodes into signals, and one learner turns signals into better weights."""

from sparring import registry

registry.require_installed("torch", "train")
registry.require_installed("transformers", "train")
