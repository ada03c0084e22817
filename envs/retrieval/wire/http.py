"""One request to a server that may hang, die or answer garbage: an answer in time, or one failure."""

from __future__ import annotations

import json
import os
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import unquote, urlsplit

from sparring.envs.retrieval.types import RetrieverFailed
from sparring.faults import in_words

MOST_BYTES = 2**26
"""Of an answer, 64 MB."""


class Service:
    """Where requests go. Every request has its own connection: threads may share a service.

    what: who is asked, for the messages; failure: what is raised.
    url: http:// or https://, with a path that all requests have in front, and NAME:PASSWORD@ before the host where the
        server asks for one; timeout: seconds until a whole answer must be there.
    token_in: the environment variable whose value, where it is set, is sent as a bearer token.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        what: str = "retriever",
        failure: type[Exception] = RetrieverFailed,
        token_in: str = "",
    ) -> None:
        self._what, self._failure, self._token_in = what, failure, token_in
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the address of {_a(what)} must begin with http:// or https://, got {url!r}")
        try:
            self._port = parts.port
        except ValueError as error:
            raise ValueError(f"the address of {_a(what)} must have a port from 0 to 65535, got {url!r}") from error
        if not timeout > 0:
            raise ValueError(f"timeout must be > 0 seconds, got {timeout}")
        self._secure, self._host, self._path = parts.scheme == "https", parts.hostname, parts.path.rstrip("/")
        self.timeout = timeout
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self._path}"
        """The address without a password."""
        self._headers = _authorization(parts.username, parts.password)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """The JSON value that the server answers. Raises the failure for everything else, and for one too late."""
        status, content = self.ask_plainly(method, path, body, kind)
        if status != 200:
            said = content[:200].decode("utf-8", "replace").strip()
            refused = f"refused {method} {path} with status {status}: {said}{advice(status, self._token_in)}"
            raise self._failure(f"the {self._what} at {self.name} {refused}")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._failure(
                f"the {self._what} at {self.name} must answer {path} with JSON, got {content[:80]!r}"
            ) from error

    def ask_plainly(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Status and content of an answer. Raises the failure where none comes in time."""
        connect = HTTPSConnection if self._secure else HTTPConnection
        connection = connect(self._host, self._port, timeout=self.timeout)
        start = time.monotonic()
        watchdog = Timer(self.timeout, _cut, [connection])
        watchdog.daemon = True
        watchdog.start()
        try:
            own = self._headers or bearer(self._token_in)
            headers = {"Content-Type": kind, "Accept": "application/json", **own}
            connection.request(method, self._path + path, body, headers)
            response = connection.getresponse()
            content = self._content(response)
            if time.monotonic() - start >= self.timeout:  # the watchdog's end of it looks like the server's
                raise TimeoutError
            return response.status, content
        except (OSError, HTTPException, ValueError) as error:
            late = time.monotonic() - start >= self.timeout
            fault = f"did not answer {path} in {self.timeout:g} s" if late else f"failed: {_reason(error)}"
            raise self._failure(f"the {self._what} at {self.name} {fault}") from error
        finally:
            watchdog.cancel()
            connection.close()

    def _content(self, response: HTTPResponse) -> bytes:
        content = response.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise HTTPException(f"it answered with more than {MOST_BYTES} bytes")
        if response.length:
            raise HTTPException("it broke off in the middle of an answer")
        return content


def bearer(variable: str) -> dict[str, str]:
    """The header with the token that an environment variable holds, {} where there is none. Raises ValueError."""
    token = os.environ.get(variable, "")
    if not (token.isascii() and token.isprintable()):
        raise ValueError(f"{variable} must be printable ASCII characters")
    return {"Authorization": f"Bearer {token}"} if token else {}


def advice(status: int, token_in: str) -> str:
    """What to do where a server that asks for a token answers with that status; "" where nothing of the kind helps."""
    return f"; set {token_in} to the token that it asks for" if token_in and status in (401, 403) else ""


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _cut(connection: HTTPConnection) -> None:
    """End the reading of an answer that comes too late, however slowly it drips."""
    if isinstance(connection.sock, socket.socket):
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _authorization(user: str | None, password: str | None) -> Mapping[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}


def _reason(error: Exception) -> str:
    return " ".join(in_words(error).split()) or type(error).__name__
