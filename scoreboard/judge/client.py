"""What graders need of a server: requests over HTTP, and sessions over WebSockets."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Protocol

from sparring.addresses import TOKEN
from sparring.envs.remote.connection import Connection, Data
from sparring.envs.retrieval.wire.http import Service, advice
from sparring.faults import ServerFailed

SECONDS = 20.0
"""Until an answer must be there."""
Answer = tuple[int, object]
"""The status of an HTTP answer, and its JSON value; None where it is no JSON."""


class Session(Protocol):
    """An episode after another; see `sparring.envs.remote.connection.Connection`."""

    def ask(self, kind: str, data: Data | None = None) -> Data:
        """The data of the answer to a reset, a step, a state. Raises Refused, ServerFailed, TimeoutError."""
        ...

    def exchange(self, text: str) -> Data:
        """Whatever frame answers a text. Raises ServerFailed, TimeoutError."""
        ...

    def close(self) -> None:
        """Say that it is over."""
        ...

    def drop(self) -> None:
        """Break it off without a word."""
        ...


class Client(Protocol):
    """A server."""

    def get(self, path: str) -> Answer:
        """Raises ServerFailed where no answer comes."""
        ...

    def post(self, path: str, body: object) -> Answer:
        """Raises ServerFailed where no answer comes."""
        ...

    def open(self) -> Session:
        """A new session. Raises ServerFailed, TimeoutError."""
        ...


class OpenEnvClient:
    """A server by its address. Raises ValueError for what is no address."""

    def __init__(self, url: str, seconds: float = SECONDS) -> None:
        self._url, self._seconds = url, seconds
        self._service = Service(url, seconds, "OpenEnv server", ServerFailed, TOKEN)

    def get(self, path: str) -> Answer:
        """Raises ServerFailed where no answer comes, or none without a token."""
        status, content = self._service.ask_plainly("GET", path)
        if status == HTTPStatus.UNAUTHORIZED:
            raise ServerFailed(f"the OpenEnv server at {self._service.name} answers {status}{advice(status, TOKEN)}")
        return _answer(status, content)

    def post(self, path: str, body: object) -> Answer:
        """Raises ServerFailed where no answer comes."""
        return _answer(*self._service.ask_plainly("POST", path, json.dumps(body).encode()))

    def open(self) -> Connection:
        """A new session. Raises ServerFailed, TimeoutError, MissingExtra."""
        return Connection(self._url, self._seconds)


def _answer(status: int, content: bytes) -> Answer:
    try:
        return status, json.loads(content)
    except (ValueError, RecursionError):
        return status, None
