"""One WebSocket to an OpenEnv server: a question, its answer, and nothing in between.

The protocol has no request ids. After a time-out nobody can tell the late answer from the next one, so the socket is
dropped, and the episode with it.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from threading import Timer
from typing import TYPE_CHECKING

from sparring.addresses import TOKEN
from sparring.envs.retrieval.wire.http import advice, bearer
from sparring.faults import ServerFailed, in_words
from sparring.registry import require
from sparring.types import FaultKind

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

ANSWER_SECONDS = 50.0
"""Until a whole answer must be there; the rollout itself waits 60 s for a step."""
MOST_BYTES = 100 * 2**20
"""Of an answer, as OpenEnv's own client."""
LONG = 2**16
"""Characters of a question that a server may stop to take, so that sending needs a watchdog."""
ANSWERS = {"reset": "observation", "step": "observation", "state": "state", "mcp": "mcp"}
"""What kind of answer a kind of question gets."""
NO_ROOM, WRONG_ACTION = "CAPACITY_REACHED", "VALIDATION_ERROR"
"""Codes of errors: all sessions are taken; the action is to blame."""
Data = Mapping[str, object]


class Refused(ServerFailed):
    """The server answered with an error frame; what was asked did not happen."""

    def __init__(self, place: str, code: str, message: str) -> None:
        super().__init__(f"the OpenEnv server at {place} answers {code}: {message[:300]}")
        self.code = code
        self.fault_kind: FaultKind = "capacity" if code == NO_ROOM else "server"


class SessionLost(ServerFailed):
    """The connection broke."""


class Late(TimeoutError):
    """No answer in time; the connection is dropped."""


class Connection:
    """A session on a server.

    url: the server's http:// or https:// address; seconds: until an answer must be there.
    """

    def __init__(self, url: str, seconds: float = ANSWER_SECONDS) -> None:
        """Raises ServerFailed where no session can be opened, MissingExtra."""
        library = require("websockets.sync.client", "serve")
        self._place, self._seconds = place_of(url), seconds
        self._open, self._hung_up = ExitStack(), require("websockets.exceptions", "serve").ConnectionClosed
        address = f"ws{url.removeprefix('http').rstrip('/')}/ws"
        try:
            opened = library.connect(
                address,
                additional_headers=bearer(TOKEN),
                open_timeout=seconds,
                max_size=MOST_BYTES,
                ping_interval=None,  # a step may keep a server from answering pings
                proxy=None,
                logger=logging.Logger(
                    "dropped", logging.CRITICAL + 1
                ),  # it calls a socket that is cut an internal error
            )
            self._socket: ClientConnection = self._open.enter_context(opened)
        except TimeoutError as error:
            raise Late(f"{self._who} opens no session within {seconds:g} s") from error
        except Exception as error:  # of the library, of the operating system
            status = getattr(getattr(error, "response", None), "status_code", 0)
            raise ServerFailed(f"{self._who} opens no session: {_reason(error)}{advice(status, TOKEN)}") from error

    def ask(self, kind: str, data: Data | None = None) -> Data:
        """The data of the answer. Raises Refused for an error frame; Late, ServerFailed where the session is lost."""
        question = {"type": kind} if data is None else {"type": kind, "data": data}
        answer = self.exchange(json.dumps(question))
        if answer.get("type") == "error":
            raise _refusal(self._place, answer)
        content = answer.get("data")
        if answer.get("type") != ANSWERS[kind] or not isinstance(content, dict):
            self.drop()
            raise ServerFailed(f"{self._who} must answer a {kind} with {ANSWERS[kind]}, got {_shown(answer)}")
        return content

    def exchange(self, text: str) -> Data:
        """Whatever frame comes back for a text. Raises Late, ServerFailed; then the session is lost."""
        try:
            self._require_silence()
            with suppress(self._hung_up):  # what the server said before is still to be read
                self._send(text)
            return self._frame(self._socket.recv(timeout=self._seconds))
        except TimeoutError as error:
            self.drop()
            raise Late(f"{self._who} did not answer within {self._seconds:g} s; the session is dropped") from error
        except ServerFailed:
            self.drop()
            raise
        except Exception as error:  # of the library, of the operating system
            self.drop()
            raise SessionLost(f"the connection to {self._who} is lost: {_reason(error)}") from error
        except BaseException:  # a step that the rollout gives up
            self.drop()
            raise

    def close(self) -> None:
        """Say that the session is over."""
        with suppress(Exception):
            self._socket.send('{"type": "close"}')
        self.drop()

    def drop(self) -> None:
        """End it at once, without a word."""
        with suppress(OSError):
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        with suppress(Exception):
            self._open.close()

    @property
    def _who(self) -> str:
        return f"the OpenEnv server at {self._place}"

    def _require_silence(self) -> None:
        """Raises ServerFailed where something has come that nobody asked for: answers would be shifted by one."""
        try:
            early = self._frame(self._socket.recv(timeout=0))
        except TimeoutError:
            return
        if early.get("type") == "error":
            raise _refusal(self._place, early)
        raise ServerFailed(f"{self._who} said something that nobody asked for: {_shown(early)}")

    def _send(self, text: str) -> None:
        if len(text) < LONG:
            self._socket.send(text)
            return
        watchdog = Timer(self._seconds, self.drop)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._socket.send(text)
        finally:
            watchdog.cancel()

    def _frame(self, text: str | bytes) -> dict[str, object]:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ServerFailed(f"{self._who} must answer with JSON, got {text[:80]!r}") from error
        if not isinstance(frame, dict):
            raise ServerFailed(f"{self._who} must answer with a JSON object, got {_shown(frame)}")
        return frame


def place_of(url: str) -> str:
    """An address without a name and a password in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _refusal(place: str, frame: Data) -> Refused:
    data = frame.get("data")
    said = data if isinstance(data, dict) else {}
    return Refused(place, str(said.get("code", "an error")), str(said.get("message", _shown(frame))))


def _reason(error: Exception) -> str:
    return " ".join(in_words(error).split()) or type(error).__name__


def _shown(value: object) -> str:
    return f"{json.dumps(value)[:200]}"
