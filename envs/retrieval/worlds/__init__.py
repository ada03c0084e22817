"""Worlds: corpora whose passages say what they prove, and questions about them."""

from sparring.envs.retrieval.worlds.load import load_world

__all__ = ["load_world"]
