"""A retriever behind an address: ours, or any server of the `/retrieve` wire of Search-R1.

POST /retrieve {"queries": [..], "topk": 3, "return_scores": true}
    -> {"result": [[{"document": {"id", "contents": "title\\ntext"}, "score": 1.2}, ..], ..]}
GET /manifest  -> {"fingerprint": ..}   (ours; a server without it is not pinned: what it answers may change)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sparring.envs.retrieval.cache import UNPINNED
from sparring.envs.retrieval.types import Hit, RetrieverFailed
from sparring.envs.retrieval.wire.documents import hit_of
from sparring.envs.retrieval.wire.http import Service

PATH = "/retrieve"
BATCH = 256
"""Queries of one request."""


class Remote:
    """A `Retriever` that asks a server.

    url: of the server, with or without `/retrieve` at its end; timeout: seconds for each request. Whatever goes wrong
    there raises RetrieverFailed: no answer in time, another status than 200, an answer of another shape, another
    number of answers than queries, or an index that is not the one that was there before.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self._service = Service(url.rstrip("/").removesuffix(PATH), timeout)
        self.url = self._service.name

    @cached_property
    def manifest(self) -> Mapping[str, object]:
        """What the server says of its index; empty where it says nothing. Raises RetrieverFailed."""
        status, content = self._service.ask_plainly("GET", "/manifest")
        try:
            said = json.loads(content) if status == 200 else {}
        except (ValueError, RecursionError):
            said = {}
        return said if isinstance(said, dict) else {}

    @property
    def fingerprint(self) -> str:
        """As the server's manifest says; "unpinned URL" where it has none. Raises RetrieverFailed."""
        said = self.manifest.get("fingerprint")
        return said if isinstance(said, str) and re.fullmatch("[0-9a-f]{64}", said) else f"{UNPINNED} {self.url}"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the server finds. Raises ValueError for k < 1 and RetrieverFailed."""
        if k < 1:
            raise ValueError(f"k must be >= 1, got {k}")
        batches = [queries[at : at + BATCH] for at in range(0, len(queries), BATCH)]
        return [hits for batch in batches for hits in self._ask(batch, k)]

    def _ask(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        body = json.dumps({"queries": list(queries), "topk": k, "return_scores": True}).encode()
        answer = self._service.ask("POST", PATH, body)
        try:
            self._require_same_index(answer)
            rows = answer["result"]
            if not isinstance(rows, list) or len(rows) != len(queries):
                raise ValueError(f"{len(queries)} queries must get as many lists, got {rows!r:.80}")
            return [_in_order(row, k) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            fault = f"result is missing in {answer!r:.80}" if isinstance(error, KeyError) else str(error)
            raise RetrieverFailed(f"the retriever at {self.url} answered with garbage: {fault}") from error

    def _require_same_index(self, answer: Any) -> None:
        now = answer.get("fingerprint") if isinstance(answer, dict) else None
        if isinstance(now, str) and now != self.fingerprint and not self.fingerprint.startswith(UNPINNED):
            raise RetrieverFailed(
                f"the retriever at {self.url} has another index now: {now[:12]} instead of {self.fingerprint[:12]}"
            )


def _in_order(rows: Any, k: int) -> list[Hit]:
    if not isinstance(rows, list):
        raise ValueError(f"the answer to a query must be a list, got {rows!r:.80}")
    hits = [hit for hit in map(hit_of, rows) if hit.score > 0]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))[:k]
