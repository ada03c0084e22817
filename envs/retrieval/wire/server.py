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
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sparring.envs.retrieval.types import Hit, Retriever
from sparring.envs.retrieval.wire.documents import document_of

LOOPBACK = "127.0.0.1"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES, MOST_QUERIES, MOST_HITS = 2**24, 4096, 1000
"""Of a request: 16 MB, queries, and hits for each of them."""
LINGER = 1.0
"""Seconds that a client has to go on after it was refused."""
TOPK = 3
"""Hits where a request does not say how many, as in Search-R1."""


class BadRequest(ValueError):
    """A request that is wrong; the message is one line."""


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
        raise BadRequest(f"the body must be a JSON object with queries, got {_named(fields)}")
    if "queries" not in fields:
        raise BadRequest(f"queries is missing, a list of texts; the body has {_named(list(fields))}")
    queries, topk, scores = fields.get("queries"), fields.get("topk"), fields.get("return_scores")
    if not isinstance(queries, list) or not all(isinstance(query, str) for query in queries):
        raise BadRequest(f"queries must be a list of texts, got {_named(queries)}")
    if len(queries) > MOST_QUERIES:
        raise BadRequest(f"queries must be at most {MOST_QUERIES}, got {len(queries)}")
    topk = TOPK if topk is None else topk
    if isinstance(topk, bool) or not isinstance(topk, int) or not 1 <= topk <= MOST_HITS:
        raise BadRequest(f"topk must be a whole number from 1 to {MOST_HITS}, got {_named(topk)}")
    if scores is not None and not isinstance(scores, bool):
        raise BadRequest(f"return_scores must be true or false, got {_named(scores)}")
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


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version, timeout = "sparring", "", 60
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Health and manifest."""
        answers: dict[str, Mapping[str, object]] = {"/health": {"status": "ok"}, "/manifest": self.server.manifest}
        found = answers.get(self.path.partition("?")[0])
        if not self._is_meant():
            self._refuse(HTTPStatus.FORBIDDEN, "this server is for this machine only")
        elif found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is POST /retrieve, GET /health and GET /manifest")
        else:
            self._send(HTTPStatus.OK, found)

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, as our refusals are told."""
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def do_POST(self) -> None:
        """Search."""
        if not self._is_meant():
            self._refuse(HTTPStatus.FORBIDDEN, "this server is for this machine only")
        elif self.path.partition("?")[0] != "/retrieve":
            self._refuse(HTTPStatus.NOT_FOUND, "there is POST /retrieve, GET /health and GET /manifest")
        else:
            self._retrieve()
        if self.close_connection:
            self._read_the_rest()

    def _retrieve(self) -> None:
        try:
            asked = read_request(self._body())
        except BadRequest as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        try:
            found = answer(self.server.retriever, asked)
        except Exception as error:  # noqa: BLE001  (the server goes on: the next request may be answered)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{type(error).__name__}: {error}")
            return
        self._send(HTTPStatus.OK, {**found, "fingerprint": self.server.retriever.fingerprint})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise BadRequest("the request must say its Content-Length")
        if int(length) > MOST_BYTES:
            raise BadRequest(f"the body must have at most {MOST_BYTES} bytes, got {length}")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise BadRequest(f"the body must have {length} bytes as Content-Length says, got {len(body)}")
        return body

    def _read_the_rest(self) -> None:
        """Take what the client still sends: one that is cut off while it sends does not see the answer."""
        left = 4 * MOST_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER)
            while left > 0 and (piece := self.connection.recv(2**16)):
                left -= len(piece)

    def _is_meant(self) -> bool:
        """Whether the request names this server by a local name, or by the address that it was bound to."""
        asked = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        bound = str(self.server.server_address[0])
        return bound not in LOCAL or asked in LOCAL

    def _refuse(self, status: HTTPStatus, line: str) -> None:
        self.close_connection = True  # a body that was not read would be taken for the next request
        self._send(status, {"error": " ".join(line.split())[:500]})

    def _send(self, status: HTTPStatus, value: Mapping[str, object]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line: logging them slows training down."""


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


def _named(value: Any) -> str:
    """A value as JSON shows it, cut."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
