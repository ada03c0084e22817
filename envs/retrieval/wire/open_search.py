"""A retriever in an OpenSearch or Elasticsearch server, by `_bulk` and `_msearch`: what SIM-RAG and BEIR search with.

The question put to the server is BEIR's: the better of the matches of title and text, and half of the other. Its
analysers decide what a word is. What a server holds may change, so the fingerprint is not pinned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sparring.envs.retrieval.bm25 import require_k
from sparring.envs.retrieval.cache import UNPINNED
from sparring.envs.retrieval.types import Hit, Passage, RetrieverFailed
from sparring.envs.retrieval.wire.documents import passage_of
from sparring.envs.retrieval.wire.http import Service
from sparring.envs.retrieval.words import words_of_query
from sparring.plurals import number_of

LINES = "application/x-ndjson"
MOST_HITS = 10_000
"""A server's own limit for the hits of a query."""
MOST_WORDS = 512
"""Of a query that are sent: a server refuses more than 1,024."""
BATCH = 500
MAPPING = {
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "title": {"type": "text"},
            "text": {"type": "text"},
            "triples": {"type": "object", "enabled": False},
        }
    }
}


class OpenSearch:
    """A `Retriever` over an index of a server.

    url: of the server, with the name of the index at its end, as in `http://localhost:9200/passages`; NAME:PASSWORD@
    stands before the host where the server asks for one. timeout: seconds for each request. Documents have `title` and
    `text`; where they have a keyword `id` too, equal scores stand in its order at the last place as well.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        base, _, self._index = url.rstrip("/").rpartition("/")
        if not self._index or base.endswith("/"):
            raise ValueError("the address must end in the name of an index, as in http://localhost:9200/passages")
        self._service = Service(base, timeout)
        self.fingerprint = f"{UNPINNED} {self._service.name}/{self._index}"

    def load(self, passages: Iterable[Passage]) -> int:
        """Make the index and fill it; how many passages it holds then. Raises RetrieverFailed, and where it exists."""
        self._service.ask("PUT", f"/{self._index}", json.dumps(MAPPING).encode())
        sent = 0
        remaining = iter(passages)
        while batch := list(islice(remaining, BATCH)):
            answer = self._service.ask("POST", f"/{self._index}/_bulk", _lines(_actions(batch)), LINES)
            if not isinstance(answer, dict) or answer.get("errors") is not False:
                raise RetrieverFailed(f"{self._service.name} did not take all passages: {_first_error(answer)}")
            sent += len(batch)
        self._service.ask("POST", f"/{self._index}/_refresh")
        answer = self._service.ask("GET", f"/{self._index}/_count")
        count = answer.get("count") if isinstance(answer, dict) else None
        if count != sent:
            raise RetrieverFailed(f"{self._index} must hold {number_of(sent, 'passage')}, got {count}")
        return sent

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the server finds. Raises ValueError for k out of range, and RetrieverFailed."""
        require_k(k)
        if k > MOST_HITS:
            raise ValueError(f"k must be at most {MOST_HITS}, as the server has it, got {k}")
        asked = [" ".join(words_of_query(query)[:MOST_WORDS]) for query in queries]
        answers = iter(self._ask([words for words in asked if words], k))
        return [next(answers) if words else [] for words in asked]

    def _ask(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        found: list[list[Hit]] = []
        for start in range(0, len(queries), BATCH):
            batch = queries[start : start + BATCH]
            rows = [row for words in batch for row in ({}, _question(words, k))]
            answer = self._service.ask("POST", f"/{self._index}/_msearch", _lines(rows), LINES)
            responses = answer.get("responses") if isinstance(answer, dict) else None
            if not isinstance(responses, list) or len(responses) != len(batch):
                raise RetrieverFailed(f"{self._service.name} answered with garbage: {answer!r:.80}")
            found += [self._hits(response, k) for response in responses]
        return found

    def _hits(self, response: Any, k: int) -> list[Hit]:
        try:
            if "error" in response:
                raise ValueError(f"it refused a query: {json.dumps(response['error'])[:200]}")
            hits = [_hit(row) for row in response["hits"]["hits"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RetrieverFailed(f"{self._service.name} answered with garbage: {error}") from error
        return sorted((hit for hit in hits if hit.score > 0), key=lambda hit: (-hit.score, hit.passage.id))[:k]


def _question(words: str, k: int) -> dict[str, object]:
    match = {"query": words, "type": "best_fields", "fields": ["title", "text"], "tie_breaker": 0.5}
    order = [{"_score": "desc"}, {"id": {"order": "asc", "unmapped_type": "keyword"}}]
    return {"size": k, "query": {"multi_match": match}, "sort": order, "track_scores": True}


def _actions(passages: Iterable[Passage]) -> Iterator[dict[str, object]]:
    for passage in passages:
        yield {"index": {"_id": passage.id}}
        yield {"id": passage.id, "title": passage.title, "text": passage.text, "triples": passage.triples}


def _lines(rows: Iterable[object]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _hit(row: Any) -> Hit:
    source = {"id": row["_id"], **row["_source"]}
    return Hit(passage_of(source), float(row["_score"]))


def _first_error(answer: Any) -> str:
    items = answer.get("items", []) if isinstance(answer, dict) else []
    errors = [action for item in items for action in item.values() if "error" in action]
    return json.dumps(errors[0] if errors else answer)[:200]
