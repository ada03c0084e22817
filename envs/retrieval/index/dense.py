"""An index of embeddings: exact for small corpora, an HNSW graph by usearch for large ones.

    dense/vectors.f16    [passages, dimensions], half precision, of length 1: the cosine is the dot product
    dense/graph.usearch  for more than `EXACT_UP_TO` passages (arXiv 1603.09320); mapped into memory

What is hashed is what is searched. Two machines may compute vectors that differ in their last bits; then their
fingerprints differ too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparring.envs.retrieval.bm25 import best_of, require_k
from sparring.envs.retrieval.index.engines import Encoder, Options, Written
from sparring.envs.retrieval.manifest import DamagedIndex, Setting
from sparring.envs.retrieval.types import Hit, Passage
from sparring.envs.retrieval.words import MOST_CHARACTERS
from sparring.registry import require

VECTORS, GRAPH = "dense/vectors.f16", "dense/graph.usearch"
EXACT_UP_TO = 50_000
"""Passages; up to there a query is compared with all of them, in about 10 ms for 384 dimensions."""
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 128, 64
BATCH = 256


class DensePart:
    """`Dense` in a folder."""

    def write(self, corpus: Sequence[Passage], folder: Path, options: Options) -> Written:
        """Encode the passages and write their vectors. Raises ValueError without an encoder, and MissingExtra."""
        encoder = options.required_encoder()
        vectors = np.concatenate(list(_encoded(corpus, encoder, options)))
        (folder / VECTORS).parent.mkdir()
        (folder / VECTORS).write_bytes(vectors.data)
        settings: dict[str, Setting] = {"encoder": encoder.name, "dimensions": vectors.shape[1]}
        if len(corpus) <= EXACT_UP_TO:
            return Written(settings, (VECTORS,))
        _write_graph(vectors, folder / GRAPH)
        graph: dict[str, Setting] = {"graph": f"hnsw {CONNECTIVITY}/{EXPANSION_ADD}/{EXPANSION_SEARCH}"}
        return Written(settings | graph, (VECTORS, GRAPH))

    def open(self, corpus: Sequence[Passage], folder: Path, settings: dict[str, Setting], options: Options) -> Dense:
        """What answers. Raises DamagedIndex, ValueError for another encoder or none, and MissingExtra."""
        encoder = options.required_encoder()
        if encoder.name != settings["encoder"]:
            raise ValueError(f"{folder} was built with the encoder {settings['encoder']!r}, got {encoder.name!r}")
        shape = (len(corpus), int(settings["dimensions"]))
        if (folder / VECTORS).stat().st_size != 2 * shape[0] * shape[1]:
            raise DamagedIndex(f"{folder / VECTORS} must hold {shape[0]} x {shape[1]} numbers: the index is damaged")
        vectors = np.memmap(folder / VECTORS, "<f2", "r", shape=shape)
        graph = None
        if (folder / GRAPH).exists():
            graph = require("usearch.index", "retrieval").Index.restore(str(folder / GRAPH), view=True)
            graph.expansion_search = EXPANSION_SEARCH
        return Dense(corpus, encoder, vectors, graph)


class Dense:
    """A searcher by the cosine of embeddings; what has none above 0 is not found."""

    def __init__(
        self, corpus: Sequence[Passage], encoder: Encoder, vectors: NDArray[np.float16], graph: Any = None
    ) -> None:
        self._corpus, self._encoder, self._graph = corpus, encoder, graph
        self._vectors = vectors if graph is not None else vectors.astype(np.float32)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most `k` hits, best first; an empty query finds nothing. Raises ValueError for k < 1."""
        require_k(k)
        return [self._find(query[:MOST_CHARACTERS], min(k, len(self._corpus))) for query in queries]

    def _find(self, query: str, k: int) -> list[Hit]:
        if not query.strip():
            return []
        (vector,) = self._encoder.encode([query])  # alone: beside others it would differ in its last bits
        if self._graph is None:
            found: NDArray[Any] = np.arange(len(self._corpus))
            scores = self._vectors @ vector
        else:
            found = np.sort(self._graph.search(vector, k, threads=1).keys.astype(np.int64))
            scores = self._vectors[found].astype(np.float32) @ vector
        best = best_of(np.maximum(scores, 0), min(k, len(found)))
        return [Hit(self._corpus[int(found[at])], float(scores[at])) for at in best]


def _encoded(corpus: Sequence[Passage], encoder: Encoder, options: Options) -> Iterator[NDArray[np.float16]]:
    for start in range(0, len(corpus), BATCH):
        texts = [passage.contents for passage in corpus[start : start + BATCH]]
        vectors = np.asarray(encoder.encode(texts), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise ValueError(f"the encoder {encoder.name!r} must give {len(texts)} finite vectors, got {vectors.shape}")
        yield vectors.astype("<f2")
        if options.progress:
            options.progress(start + len(texts))


def _write_graph(vectors: NDArray[np.float16], file: Path) -> None:
    """One thread: several would link the graph differently in every build."""
    index = require("usearch.index", "retrieval").Index(
        ndim=vectors.shape[1],
        metric="cos",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)
    index.save(str(file))
