"""Retrievers by name, with answers that were given before.

runs/index                                  a folder that `sparring retrieval build` made
http://127.0.0.1:8000                       a server of the `/retrieve` wire
opensearch+http://localhost:9200/passages   an index in OpenSearch or Elasticsearch
postgresql://user@host/database             the table "passages" in PostgreSQL
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparring.envs.retrieval.cache import Cached
from sparring.envs.retrieval.corpus import LINES, corpus_digest, in_order_of_ids
from sparring.envs.retrieval.index import Index, open_index, require_corpus
from sparring.envs.retrieval.types import Passage, Retriever
from sparring.envs.retrieval.wire.open_search import OpenSearch
from sparring.envs.retrieval.wire.postgres import Postgres
from sparring.envs.retrieval.wire.remote import Remote

WEB, DATABASES, OPEN_SEARCH = ("http://", "https://"), ("postgresql://", "postgres://"), "opensearch+"


def open_retriever(name: str, passages: Sequence[Passage] | None = None, world: str = "the world") -> Retriever:
    """The retriever of a name: an address, or a folder.

    passages: what an index must hold, in a folder or behind a server of ours, all of `world`; None: whatever it holds.
    Raises DamagedIndex, ValueError for another corpus or a wrong address, MissingExtra, and RetrieverFailed for a
    server that is not there.
    """
    require_name(name)
    if is_address(name):
        served = _served(name)
        if passages is not None and isinstance(served, Remote):
            _require_served(served, passages, world)
        return Cached(served)
    index = open_index(Path(name))
    if passages is not None:
        require_corpus(index, passages, world)
    return Cached(index)


def _require_served(served: Remote, passages: Sequence[Passage], world: str) -> None:
    """Raises ValueError where a server says that it holds other passages than these; one that says nothing may."""
    files = served.manifest.get("files")
    said = files.get(LINES) if isinstance(files, dict) else None
    theirs = said.get("sha256") if isinstance(said, dict) else None
    ours = corpus_digest(in_order_of_ids(passages)) if theirs else None
    if theirs != ours:
        raise ValueError(
            f"the retriever at {served.url} serves another corpus than {world}: SHA-256 {str(theirs)[:12]}, and "
            f"{world} has {str(ours)[:12]}"
        )


def require_name(name: str) -> None:
    """Raises ValueError for an empty name, and for an address of a scheme that is not known."""
    if not name:
        raise ValueError("the name of a retriever must be a folder or an address, and is empty")
    if "://" in name and not is_address(name):
        known = ", ".join((*WEB, *(f"{OPEN_SEARCH}{scheme}" for scheme in WEB), *DATABASES))
        raise ValueError(f"the address of a retriever must begin with one of {known}, got {name!r:.200}")


def is_address(name: str) -> bool:
    """Whether a name is that of a server."""
    return name.startswith((*WEB, *(f"{OPEN_SEARCH}{scheme}" for scheme in WEB), *DATABASES))


def _served(name: str) -> Retriever:
    if name.startswith(OPEN_SEARCH):
        return OpenSearch(name.removeprefix(OPEN_SEARCH))
    return Postgres(name) if name.startswith(DATABASES) else Remote(name)


def manifest_of(retriever: Retriever) -> dict[str, object]:
    """What is known of a retriever, for `GET /manifest`."""
    inner = retriever.retriever if isinstance(retriever, Cached) else retriever
    return inner.manifest.as_json() if isinstance(inner, Index) else {"fingerprint": retriever.fingerprint}
