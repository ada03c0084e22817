"""BM25 in this process: passages in memory, no server, equal answers on every machine.

    scores = sum over the words of the query of idf(word) * tf / (tf + k1 * (1 - b + b * length / average length))

The scoring is bm25s' (arXiv 2407.03618; its variant "lucene"). What is ours is the choice of the best: bm25s answers
unknown words with arbitrary passages of score 0, refuses k > N, and orders equal scores differently with its two
scorers. Here nothing has score 0, k may be larger than the corpus, and equal scores stand in the order of their ids, at
the last place too, so both scorers give the same passages.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparring.envs.retrieval.corpus import LINES, Progress, corpus_digest, counted, in_order_of_ids
from sparring.envs.retrieval.manifest import Setting, fingerprint_of
from sparring.envs.retrieval.types import Hit, Passage
from sparring.envs.retrieval.words import RULES, words_of, words_of_query
from sparring.registry import installed, require_installed

Scorer = Literal["auto", "numpy", "numba"]
WORDS, DATA, INDICES, INDPTR = "bm25/words.json", "bm25/data.f32", "bm25/indices.i32", "bm25/indptr.i64"
K1, B = 1.2, 0.75
"""The defaults of Lucene, tantivy and SQLite."""
WORTH_COMPILING = 200_000
"""Passages from which on "auto" takes numba: compiling takes seconds, once on a machine."""
FEW = 32
"""Hits that are looked for one by one."""


@dataclass(frozen=True, slots=True)
class Postings:
    """What BM25 reads: for each word the passages that hold it, with the score that it adds there.

    The passages of word w are at `indptr[w]:indptr[w + 1]` of `indices` (positions in the corpus) and `data` (scores).
    """

    vocabulary: dict[str, int]
    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]
    passages: int
    k1: float
    b: float

    @property
    def settings(self) -> dict[str, Setting]:
        """What was chosen before anything was read."""
        return {"words": RULES, "k1": self.k1, "b": self.b}

    def files(self) -> dict[str, bytes | memoryview]:
        """What is hashed, and written to the disk, by name; little-endian. Equal passages give equal bytes."""
        return {
            WORDS: json.dumps(list(self.vocabulary), separators=(",", ":")).encode(),
            DATA: np.ascontiguousarray(self.data, "<f4").data,
            INDICES: np.ascontiguousarray(self.indices, "<i4").data,
            INDPTR: np.ascontiguousarray(self.indptr, "<i8").data,
        }


class Bm25:
    """A `Retriever` over passages in memory."""

    def __init__(self, passages: Iterable[Passage], scorer: Scorer = "auto", k1: float = K1, b: float = B) -> None:
        """Index passages. Raises ValueError for two passages of one id, none at all, or k1 or b out of range."""
        corpus = in_order_of_ids(passages)
        self._serve(corpus, post(corpus, k1, b), scorer)

    @classmethod
    def over(cls, corpus: Sequence[Passage], postings: Postings, scorer: Scorer = "auto") -> Bm25:
        """A retriever over postings that were made before, of a corpus in the order of its ids."""
        made = cls.__new__(cls)
        made._serve(corpus, postings, scorer)
        return made

    def _serve(self, corpus: Sequence[Passage], postings: Postings, scorer: Scorer) -> None:
        self.passages, self.postings = corpus, postings
        self.scorer = _chosen(scorer, len(corpus))
        self._model = _model(postings, self.scorer)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over corpus, settings and postings."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in self.postings.files().items()}
        settings: dict[str, Setting] = {"engine": "bm25", **self.postings.settings}
        return fingerprint_of(settings, {LINES: corpus_digest(self.passages), **digests})

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most `k` hits, best first. Raises ValueError for k < 1."""
        require_k(k)
        return [self._find(query, k) for query in queries]

    def _find(self, query: str, k: int) -> list[Hit]:
        vocabulary = self.postings.vocabulary
        known = sorted(vocabulary[word] for word in words_of_query(query) if word in vocabulary)
        if not known:
            return []
        scores = self._model.get_scores_from_ids(known)
        return [Hit(self.passages[at], float(scores[at])) for at in self._best(scores, k)]

    def _best(self, scores: NDArray[np.float32], k: int) -> list[int]:
        """Positions of the `k` highest scores > 0, best first; of equal scores the first positions."""
        k = min(k, len(scores))
        if self.scorer == "numba":
            from sparring.envs.retrieval.compiled.loops import best

            return [-minus_at for score, minus_at in reversed(best(scores, k)) if score > 0]
        return best_of(scores, k)


def best_of(scores: NDArray[np.float32], k: int) -> list[int]:
    """Positions of the `k` highest scores > 0, best first; of equal scores the first positions. 1 <= k <= N."""
    return _one_by_one(scores, k) if k <= FEW else _by_partition(scores, k)


def _one_by_one(scores: NDArray[np.float32], k: int) -> list[int]:
    """For few hits: a scan for the highest is ten times faster than a partition, and finds the first of equal ones."""
    found: list[int] = []
    values: list[np.float32] = []
    while len(found) < k and (value := scores[at := int(scores.argmax())]) > 0:
        found.append(at)
        values.append(value)
        scores[at] = 0
    scores[found] = values
    return found


def _by_partition(scores: NDArray[np.float32], k: int) -> list[int]:
    found = np.flatnonzero(scores)  # partitioning zeros is a hundred times slower
    values = scores[found]
    if len(found) > k:
        last = np.partition(values, -k)[-k]
        above = np.flatnonzero(values > last)
        chosen = np.concatenate([above, np.flatnonzero(values == last)[: k - len(above)]])
        found, values = found[chosen], values[chosen]
    return [int(at) for at in found[np.lexsort((found, -values))]]


def post(corpus: Sequence[Passage], k1: float = K1, b: float = B, progress: Progress | None = None) -> Postings:
    """The postings of passages. Raises ValueError for k1 or b out of range."""
    require_parameters(k1, b)
    vocabulary: dict[str, int] = {}
    rows = [
        array("i", [vocabulary.setdefault(word, len(vocabulary)) for word in words_of(passage.contents)])
        for passage in counted(corpus, progress)
    ]
    scores = _scores(rows, vocabulary, k1, b)
    return Postings(vocabulary, scores["data"], scores["indices"], scores["indptr"], len(corpus), float(k1), float(b))


def _scores(rows: list[array[int]], vocabulary: dict[str, int], k1: float, b: float) -> dict[str, NDArray[Any]]:
    if not vocabulary:
        return {"data": np.empty(0, "f4"), "indices": np.empty(0, "i4"), "indptr": np.zeros(1, "i8")}
    from bm25s import BM25

    model = BM25(method="lucene", k1=k1, b=b)
    model.index((rows, vocabulary), create_empty_token=False, show_progress=False)
    found: dict[str, NDArray[Any]] = model.scores
    return found


def _model(postings: Postings, scorer: Scorer) -> Any:
    """bm25s' object over the arrays, which are not copied."""
    from bm25s import BM25

    model = BM25(method="lucene", k1=postings.k1, b=postings.b)
    model.scores = {
        "data": postings.data,
        "indices": postings.indices,
        "indptr": postings.indptr,
        "num_docs": postings.passages,
    }
    model.nonoccurrence_array = None
    if scorer == "numba":
        from sparring.envs.retrieval.compiled.loops import add_scores

        model._compute_relevance_from_scores = add_scores  # bm25s compiles it anew for every object
    return model


def _chosen(scorer: Scorer, passages: int) -> Literal["numpy", "numba"]:
    if scorer == "auto":
        return "numba" if passages >= WORTH_COMPILING and installed("numba") else "numpy"
    if scorer == "numba":
        require_installed("numba", "retrieval")
    return scorer


def require_k(k: int) -> None:
    """Raises ValueError for a number of hits below 1."""
    if k < 1:
        raise ValueError(f"k must be >= 1, got {k}")


def require_parameters(k1: float, b: float) -> None:
    """Raises ValueError for parameters of BM25 that are out of range."""
    if not (0 <= k1 < float("inf") and 0 <= b <= 1):
        raise ValueError(f"k1 must be >= 0 and b from 0 to 1, got k1={k1} and b={b}")
