"""Training methods: each turns stored episodes into signals, and one learner turns signals into better weights."""

from sparring import registry

registry.require("torch", "train")
registry.require("transformers", "train")
