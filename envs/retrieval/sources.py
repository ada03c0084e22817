"""The world and the retriever of an environment, by name; a process has each of them once.

world="fiction"    world="fiction:size=2000:seed=3"    world="fiction+size=2000+seed=3"    (where ":" means another)
retriever=None (BM25 in memory)    retriever="runs/index"    retriever="http://127.0.0.1:8000"
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from sparring.envs.retrieval.types import Hit, Passage, Retriever, RetrieverFailed, World

SEPARATOR = re.compile(r"\+(?=[A-Za-z_]\w*=)")
KEPT_WORLDS, KEPT_RETRIEVERS = 4, 8


def world_of(world: str | World) -> World:
    """The world of a name, or the world itself. Raises ValueError for an unknown name."""
    if not isinstance(world, str):
        if not hasattr(world, "name"):
            raise ValueError(f"world must be a name or a World, got {world!r:.80}")
        return world
    return _world(SEPARATOR.sub(":", world))


def retriever_of(retriever: str | Retriever | None, world: World) -> Retriever:
    """The retriever of a name, over the passages of a world where it is None.

    Raises ValueError for a folder without an index, and for one of another corpus than the world's; RetrieverFailed for
    a server that is not there.
    """
    if retriever is None:
        return _keep(("memory", world.name), world, lambda: _in_memory(world))
    if not isinstance(retriever, str):
        if not callable(getattr(retriever, "search", None)):
            raise ValueError(f"retriever must be a name, a Retriever or None, got {retriever!r:.80}")
        return retriever
    return _keep((retriever, world.name, _written_at(retriever)), world, lambda: _opened(retriever, world))


def search(retriever: Retriever, query: str, k: int) -> list[Passage]:
    """At most `k` passages, best first. Raises RetrieverFailed for an answer that is none."""
    answers = retriever.search([query], k)
    if not isinstance(answers, Sequence) or len(answers) != 1:
        raise RetrieverFailed(f"the retriever must answer one query with one list, got {answers!r:.80}")
    if not all(isinstance(hit, Hit) and isinstance(hit.passage, Passage) for hit in answers[0]):
        raise RetrieverFailed(f"the retriever must answer with hits, got {answers[0]!r:.80}")
    return [hit.passage for hit in answers[0][:k]]


@lru_cache(maxsize=KEPT_WORLDS)
def _world(spec: str) -> World:
    from sparring.envs.retrieval.worlds import load_world

    return load_world(spec)


_kept: OrderedDict[tuple[object, ...], tuple[World, Retriever]] = OrderedDict()
"""The retrievers of this process, with the worlds that they are for."""


def _keep(key: tuple[object, ...], world: World, build: Callable[[], Retriever]) -> Retriever:
    """A retriever that is built once. A world of the same name that is another object has its own."""
    known = _kept.get(key)
    if known is None or known[0] is not world:
        known = _kept[key] = (world, build())
    _kept.move_to_end(key)
    while len(_kept) > KEPT_RETRIEVERS:
        _kept.popitem(last=False)
    return known[1]


def _in_memory(world: World) -> Retriever:
    from sparring.envs.retrieval.bm25 import Bm25
    from sparring.envs.retrieval.cache import Cached

    return Cached(Bm25(world.passages))


def _opened(name: str, world: World) -> Retriever:
    from sparring.envs.retrieval.named import open_retriever

    return open_retriever(name, world.passages, f"the world {world.name!r}")


def _written_at(name: str) -> int:
    """Another number where an index is written anew; 0 for an address."""
    manifest = Path(name) / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.exists() else 0
