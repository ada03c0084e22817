"""Retrieval over HTTP: the `/retrieve` wire of Search-R1 (arXiv 2503.09516) in both directions, and search servers."""
