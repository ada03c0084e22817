"""Frozen indexes: folders that are built once, opened in milliseconds, and answer alike on every machine."""

from sparring.envs.retrieval.index.folder import Index, build_index, open_index, require_corpus
from sparring.envs.retrieval.manifest import DamagedIndex, Manifest

__all__ = ["DamagedIndex", "Index", "Manifest", "build_index", "open_index", "require_corpus"]
