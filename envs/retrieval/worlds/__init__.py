"""Worlds: corpora whose passages say what they prove, and questions about them."""

from sparring.envs.retrieval.worlds.load import WORLDS, load_world
from sparring.envs.retrieval.worlds.swap import twin
from sparring.envs.retrieval.worlds.world import GeographicWorld, corpus_sha256

__all__ = ["WORLDS", "GeographicWorld", "corpus_sha256", "load_world", "twin"]
