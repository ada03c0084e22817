"""A server in a thread of its own, and clients of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from websockets.sync.client import ClientConnection, connect

from sparring.serve.app import Server
from sparring.serve.guard import MOST_BYTES
from sparring.serve.hall import Hall
from sparring.serve.running import address_of, bound
from sparring.serve.served import served


class Serving:
    """A server that runs, with its address."""

    def __init__(self, address: str, server: Server) -> None:
        self.address, self.server = address, server

    @property
    def hall(self) -> Hall:
        return self.server.hall

    @contextmanager
    def client(self, env: str = "", **options: Any) -> Iterator[Client]:
        with connect(self.address.replace("http", "ws") + f"{env and '/'}{env}/ws", **options) as socket:
            yield Client(socket)


class Client:
    """OpenEnv's protocol, frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def ask(self, frame: object) -> dict[str, Any]:
        """The answer to a frame, or to a text that is none."""
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))
        answer: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        return answer

    def reset(self, **data: object) -> dict[str, Any]:
        return self._data({"type": "reset", "data": data})

    def step(self, action: str) -> dict[str, Any]:
        return self._data({"type": "step", "data": {"action": action}})

    def state(self) -> dict[str, Any]:
        return self._data({"type": "state"})

    def _data(self, frame: object) -> dict[str, Any]:
        said = self.ask(frame)
        if said["type"] == "error":
            raise RuntimeError(f"{said['data']['code']}: {said['data']['message']}")
        data: dict[str, Any] = said["data"]
        return data

    def play(self, **data: object) -> list[dict[str, Any]]:
        """Plays the first legal action to the end; all that was seen."""
        seen = [self.reset(**data)]
        while not seen[-1]["done"]:
            seen.append(self.step(seen[-1]["metadata"]["legal_actions"][0]))
        return seen


@contextmanager
def _running(*environments: Any, keep: Any = None, token: str | None = None, **options: Any) -> Iterator[Serving]:
    """Serve: (name, id, options) each, a name of ours where it is text."""
    rows = [served(one, f"sparring/{one}-v0", {}) if isinstance(one, str) else served(*one) for one in environments]
    opponents = options.pop("opponents", ("random", "constant:bet"))
    begun, ended = threading.Event(), threading.Event()
    found: list[Any] = []
    listening = bound("127.0.0.1", 0)

    async def run() -> None:
        server = Server(rows, Hall(opponents, keep), **options)
        app = server.app(token)
        config = uvicorn.Config(app, log_level="error", lifespan="on", ws="websockets-sansio", ws_max_size=MOST_BYTES)
        web = uvicorn.Server(config)
        found.extend((server, web))
        begun.set()
        await web.serve(sockets=[listening])
        ended.set()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert begun.wait(20)
    server, web = found
    try:
        yield Serving(address_of(listening), server)
    finally:
        web.should_exit = True
        thread.join(20)
        assert ended.is_set()


@pytest.fixture
def running() -> Any:
    """Serves while a `with` block lasts."""
    return _running


@pytest.fixture(scope="module")
def kuhn() -> Iterator[Serving]:
    """Some environments; nothing is kept."""
    with _running("KuhnPoker", "TicTacToe", "Search") as serving:
        yield serving
