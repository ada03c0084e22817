"""A server of a retriever, for trainers that speak the `/retrieve` wire of Search-R1 (verl, SkyRL, ConvSearch-R1).

    POST /retrieve {"queries": [..], "topk": 3, "return_scores": true}
        -> {"result": [[{"document": {"id", "contents", ..}, "score": 1.2}, ..], ..], "fingerprint": ..}
        with "return_scores": false -> {"result": [[{"id", "contents", ..}, ..], ..], "fingerprint": ..}
    GET /health    -> {"status": "ok"}
    GET /manifest  -> what the manifest of the index says, or the fingerprint alone

A request that is wrong gets status 400 and {"error": one line}. Bound to the loopback address unless asked otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import ThreadingHTTPServer

from sparring.addresses import LOOPBACK
from sparring.envs.retrieval.types import Hit, Retriever
from sparring.envs.retrieval.wire.answering import BadRequest, JsonHandler, shown
from sparring.envs.retrieval.wire.documents import document_of

MOST_QUERIES, MOST_HITS = 4096, 1000
"""Of a request: queries, and hits for each of them."""
TOPK = 3
"""Hits where a request does not say how many, as in Search-R1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was read."""

    queries: list[str]
    topk: int
    scores: bool


def read_request(body: bytes) -> Asked:
    """What a body asks for. Raises BadRequest naming the field and what would be right."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body must be a JSON object with queries, and is no JSON") from error
    if not isinstance(fields, dict):
        raise BadRequest(f"the body must be a JSON object with queries, got {shown(fields)}")
    if "queries" not in fields:
        raise BadRequest(f"queries is missing, a list of texts; the body has {shown(list(fields))}")
    queries, topk, scores = fields.get("queries"), fields.get("topk"), fields.get("return_scores")
    if not isinstance(queries, list) or not all(isinstance(query, str) for query in queries):
        raise BadRequest(f"queries must be a list of texts, got {shown(queries)}")
    if len(queries) > MOST_QUERIES:
        raise BadRequest(f"queries must be at most {MOST_QUERIES}, got {len(queries)}")
    topk = TOPK if topk is None else topk
    if isinstance(topk, bool) or not isinstance(topk, int) or not 1 <= topk <= MOST_HITS:
        raise BadRequest(f"topk must be a whole number from 1 to {MOST_HITS}, got {shown(topk)}")
    if scores is not None and not isinstance(scores, bool):
        raise BadRequest(f"return_scores must be true or false, got {shown(scores)}")
    return Asked(queries, topk, bool(scores))


def answer(retriever: Retriever, asked: Asked) -> dict[str, object]:
    """The answer to a request, one list for each query in its order."""
    results = retriever.search(asked.queries, asked.topk)
    return {"result": [[_row(hit, asked.scores) for hit in hits] for hits in results]}


def _row(hit: Hit, scores: bool) -> dict[str, object]:
    document = document_of(hit.passage)
    return {"document": document, "score": hit.score} if scores else document


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], retriever: Retriever, manifest: Mapping[str, object]) -> None:
        self.retriever, self.manifest = retriever, manifest
        super().__init__(address, _Handler)


class _Handler(JsonHandler):
    server: _Server
    path_of_post = "/retrieve"
    offers = "there is POST /retrieve, GET /health and GET /manifest"

    def pages(self) -> Mapping[str, Mapping[str, object]]:
        """Health and manifest."""
        return {"/health": {"status": "ok"}, "/manifest": self.server.manifest}

    def answer_to(self, body: bytes) -> Mapping[str, object]:
        """Search."""
        retriever = self.server.retriever
        return {**answer(retriever, read_request(body)), "fingerprint": retriever.fingerprint}


def serve(
    retriever: Retriever, manifest: Mapping[str, object] | None = None, host: str = LOOPBACK, port: int = 0
) -> ThreadingHTTPServer:
    """A server of a retriever, bound and not started: `serve_forever` starts it. Port 0: any that is free.

    manifest: what GET /manifest answers beside the fingerprint. Raises OSError where the address cannot be had.
    """
    try:
        return _Server((host, port), retriever, {**(manifest or {}), "fingerprint": retriever.fingerprint})
    except OSError as error:
        raise OSError(error.errno, f"the server cannot have {host}, port {port}: {error.strerror or error}") from error
