"""Where the endpoint listens: on this machine only, unless it is asked otherwise."""

from __future__ import annotations

import os
import socket
import threading
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sparring import registry
from sparring.addresses import LOOPBACK, is_loopback
from sparring.agents import models
from sparring.agents.endpoint.app import Endpoint, app_of
from sparring.agents.endpoint.session import Session
from sparring.protocols import LanguageModel

if TYPE_CHECKING:
    import uvicorn

KEPT_ALIVE, ENDS_WITHIN = 60, 3.0
"""Seconds: of a connection that asks nothing, and of a server that is closed."""


class Server:
    """An endpoint at an address, which is bound at once. Use as a context manager, or call `serve_forever`."""

    def __init__(self, endpoint: Endpoint, host: str = LOOPBACK, port: int = 0) -> None:
        """Port 0: any that is free. Raises MissingExtra, OSError where the address cannot be had."""
        registry.require("starlette", "serve")
        server = registry.require("uvicorn", "serve")
        self.endpoint, self.host = endpoint, host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        config = server.Config(app_of(endpoint), lifespan="off", log_level="critical", access_log=False, ws="none")
        config.timeout_keep_alive, config.timeout_graceful_shutdown = KEPT_ALIVE, 1
        self._server: uvicorn.Server = server.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """`http://127.0.0.1:8000`."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What OpenAI's clients take."""
        return f"{self.address}/v1"

    def serve_forever(self) -> None:
        """Answer until Ctrl-C, in this thread."""
        self._server.run(sockets=[self._socket])

    def start(self) -> Self:
        """Answer from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, name="sparring-endpoint", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Answer no longer."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN)
        self._socket.close()

    def open_session(self, model: LanguageModel, *, trainable: bool = False, seed: int = 0) -> Session:
        """A session that programs may ask from now on; `endpoint.remove` ends it."""
        session = Session(model, self.address, trainable=trainable, seed=seed)
        self.endpoint.add(session)
        return session

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def serve_model(
    model: str | LanguageModel, *, name: str = "", host: str = LOOPBACK, port: int = 0, token: str = ""
) -> Server:
    """A server of a model for other people's programs; it records nothing. `start` or `serve_forever` let it answer.

    `model`: what `models.load` takes, or a model; programs ask for it by `name`, its own if that is left out. `token`:
    the API key that they must have. Raises what `models.load` and `Server` raise, ValueError for an address that other
    machines reach without a token.
    """
    if not token and not is_loopback(host):
        raise ValueError(f"token must be given where other machines reach the server, got none for host {host!r}")
    if not (token.isascii() and token.isprintable()):
        raise ValueError("token must be printable ASCII characters")
    loaded = models.load(model) if isinstance(model, str) else model
    return Server(Endpoint({name or loaded.name: loaded}, token), host, port)


def shared_server() -> Server:
    """The server of this process's sessions."""
    return _server_of(os.getpid())


@cache
def _server_of(process: int) -> Server:
    return Server(Endpoint()).start()


class capture:
    """`with capture("nano") as session:` lends a program of OpenAI's SDK a model, and records what it asks.

    The program is given `session.base_url` and `session.key`; `session.calls()` are its calls. It may run in this
    process, with `async with` too, or in another one on this machine.
    """

    def __init__(self, model: str | LanguageModel, *, trainable: bool = False, seed: int = 0) -> None:
        """`trainable`: whether the calls are those of weights that learn. `seed`: of requests that name none."""
        self._model = models.load_shared(model) if isinstance(model, str) else model
        self._trainable, self._seed = trainable, seed

    def __enter__(self) -> Session:
        self._server = shared_server()
        self._session = self._server.open_session(self._model, trainable=self._trainable, seed=self._seed)
        return self._session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.endpoint.remove(self._session)

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)
