"""The engines of an index: which parts each has, and how their answers become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from sparring.envs.retrieval.bm25 import K1, B, Scorer
from sparring.envs.retrieval.corpus import Progress
from sparring.envs.retrieval.manifest import Setting
from sparring.envs.retrieval.types import Hit, Passage

Engine = Literal["bm25", "tantivy", "dense", "hybrid"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
PARTS: dict[Engine, tuple[str, ...]] = {
    "bm25": ("bm25",),
    "tantivy": ("tantivy",),
    "dense": ("dense",),
    "hybrid": ("bm25", "dense"),
}
RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack et al., SIGIR 2009)."""
DEPTH = 100
"""Hits of each part that are fused, or `k` where that is more."""


class Encoder(Protocol):
    """An embedding model: texts of equal meaning get near vectors."""

    @property
    def name(self) -> str:
        """Names model and version: an index is asked with the encoder that it was built with."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, dimensions], of length 1."""
        ...


class Searcher(Protocol):
    """What answers for a part of an index."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """As `Retriever.search`."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """What parts are built and opened with."""

    k1: float = K1
    b: float = B
    encoder: Encoder | None = None
    scorer: Scorer = "auto"
    progress: Progress | None = None

    def required_encoder(self) -> Encoder:
        """Raises ValueError where there is none."""
        if self.encoder is None:
            raise ValueError(
                "a dense or hybrid index needs an encoder: pass encoder=load_encoder(), or name the address at which "
                "`sparring retrieval serve` answers from it"
            )
        return self.encoder


@dataclass(frozen=True, slots=True)
class Written:
    """What a part says of what it wrote."""

    settings: dict[str, Setting]
    identity: tuple[str, ...]
    """Files whose bytes decide the answers, and are equal for equal passages."""


class Part(Protocol):
    """One way to search a corpus that lies in a folder."""

    def write(self, corpus: Sequence[Passage], folder: Path, options: Options) -> Written:
        """Write what `open` reads into a subfolder of its own."""
        ...

    def open(self, corpus: Sequence[Passage], folder: Path, settings: dict[str, Setting], options: Options) -> Searcher:
        """What answers. Raises DamagedIndex."""
        ...


def part(name: str) -> Part:
    """A part by its name, imported when it is needed."""
    from sparring.envs.retrieval.index import dense, postings, terms

    parts: dict[str, Part] = {
        "bm25": postings.Bm25Part(),
        "tantivy": terms.TantivyPart(),
        "dense": dense.DensePart(),
    }
    return parts[name]


class Fused:
    """Several searchers as one, by reciprocal rank: a hit's score is the sum of 1 / (60 + its rank) over them."""

    def __init__(self, searchers: Sequence[Searcher]) -> None:
        self.searchers = searchers

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The best `k` of what they find, equal scores in the order of ids. Raises ValueError for k < 1."""
        depth = max(k, DEPTH) if k >= 1 else k
        answers = [searcher.search(queries, depth) for searcher in self.searchers]
        return [fuse(lists, k) for lists in zip(*answers, strict=True)]


def fuse(lists: Sequence[Sequence[Hit]], k: int) -> list[Hit]:
    """Ranked lists as one."""
    scores: dict[str, float] = {}
    passages: dict[str, Passage] = {}
    for hits in lists:
        for rank, hit in enumerate(hits, 1):
            scores[hit.passage.id] = scores.get(hit.passage.id, 0.0) + 1 / (RRF_K + rank)
            passages[hit.passage.id] = hit.passage
    best = sorted(scores, key=lambda id: (-scores[id], id))[:k]
    return [Hit(passages[id], scores[id]) for id in best]
