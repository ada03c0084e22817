"""What every server of ours does with a request: JSON in, JSON out, and one line for whatever is wrong.

Bound to the loopback address, a server answers only who names it so: a page in a browser cannot ask it.
"""

from __future__ import annotations

import json
import socket
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from sparring.addresses import LOCAL, names_this_machine

MOST_BYTES = 2**24
"""Of a request, 16 MB."""
LINGER = 1.0
"""Seconds that a client has to go on after it was refused."""


class BadRequest(ValueError):
    """A request that is wrong; the message is one line."""


class JsonHandler(BaseHTTPRequestHandler):
    """Answers `POST path` and the pages of GET. A subclass says what there is, and answers."""

    server: HTTPServer
    path_of_post: str
    offers: str
    """What there is, for a request that asks for something else."""
    protocol_version = "HTTP/1.1"
    server_version, sys_version, timeout = "sparring", "", 60
    disable_nagle_algorithm = True

    @abstractmethod
    def pages(self) -> Mapping[str, Mapping[str, object]]:
        """What GET answers, by path."""

    @abstractmethod
    def answer_to(self, body: bytes) -> Mapping[str, object]:
        """What POST answers. Raises BadRequest for a request that is wrong, and whatever else goes wrong."""

    def do_GET(self) -> None:
        """One of the pages."""
        found = self.pages().get(self.path.partition("?")[0])
        if not self._is_meant():
            self._refuse(HTTPStatus.FORBIDDEN, "this server is for this machine only")
        elif found is None:
            self._refuse(HTTPStatus.NOT_FOUND, self.offers)
        else:
            self._send(HTTPStatus.OK, found)

    def do_HEAD(self) -> None:
        """As GET, without the body."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, as our refusals are told."""
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def do_POST(self) -> None:
        """The answer to a request."""
        if not self._is_meant():
            self._refuse(HTTPStatus.FORBIDDEN, "this server is for this machine only")
        elif self.path.partition("?")[0] != self.path_of_post:
            self._refuse(HTTPStatus.NOT_FOUND, self.offers)
        else:
            self._answer()
        if self.close_connection:
            self._read_the_rest()

    def _answer(self) -> None:
        try:
            answer = self.answer_to(self._body())
        except BadRequest as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:  # noqa: BLE001  (the server goes on: the next request may be answered)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"{type(error).__name__}: {error}")
        else:
            self._send(HTTPStatus.OK, answer)

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
        return str(self.server.server_address[0]) not in LOCAL or names_this_machine(self.headers.get("Host", ""))

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


def shown(value: object) -> str:
    """A value as JSON shows it, cut."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
