"""Retrievers by name: the folder of an index, or the address of a server; with answers that were given before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparring.envs.retrieval.cache import Cached
from sparring.envs.retrieval.index import Index, open_index, require_corpus
from sparring.envs.retrieval.types import Passage, Retriever
from sparring.envs.retrieval.wire.remote import Remote


def open_retriever(name: str, passages: Sequence[Passage] | None = None, world: str = "the world") -> Retriever:
    """The retriever of a name: an address (http://, https://) or a folder that `sparring retrieval build` made.

    passages: what an index in a folder must hold, all of `world`; None: whatever it holds. Raises DamagedIndex,
    ValueError for another corpus or a wrong address, and RetrieverFailed for a server that is not to be had.
    """
    if name.startswith(("http://", "https://")):
        return Cached(Remote(name))
    index = open_index(Path(name))
    if passages is not None:
        require_corpus(index, passages, world)
    return Cached(index)


def manifest_of(retriever: Retriever) -> dict[str, object]:
    """What is known of a retriever, for `GET /manifest`."""
    inner = retriever.retriever if isinstance(retriever, Cached) else retriever
    return inner.manifest.as_json() if isinstance(inner, Index) else {"fingerprint": retriever.fingerprint}
