"""The server: environments and their sessions, over websockets and HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from sparring.serve.agentgym import AgentGym
from sparring.serve.guard import Guard, refused
from sparring.serve.hall import Hall
from sparring.serve.mcp import Mcp
from sparring.serve.openenv import answer, error
from sparring.serve.people import TO_THE_PAGE, play_page
from sparring.serve.routes import listing, routes_of, task_routes
from sparring.serve.served import Served, require_distinct
from sparring.serve.sessions import Session

IDLE_SECONDS = 600.0
WAITING_FRAMES = 4
"""Frames of one client that wait while an earlier one is answered; then it is not read from."""
IDLE, CROWDED = 4408, 1013
"""Codes that end a websocket."""


class Server:
    """The open sessions of a server, and what they may cost."""

    def __init__(
        self, environments: Sequence[Served], hall: Hall, most_sessions: int = 1_000, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """`idle_seconds`: after so long a silence a session is closed, and its game breaks off."""
        require_distinct(environments)
        self.environments, self.hall = environments, hall
        self.most_sessions, self.idle_seconds = most_sessions, idle_seconds
        self.sessions: dict[Session, WebSocket | None] = {}
        """Those of AgentGym and of the model context protocol have no socket of their own."""

    def app(self, token: str | None = None, local: bool = True) -> ASGIApp:
        """The ASGI application.

        `token`: what clients must send as `Authorization: Bearer TOKEN`, or in the address as `?token=TOKEN`.
        `local`: it listens on this machine only.
        """
        first, *_ = self.environments
        routes: list[BaseRoute] = [listing(self.environments)]
        for one in self.environments:
            own = [listing([one]), *task_routes(one), *self._routes(one)]
            routes += [*task_routes(one), Mount(f"/{one.name}", routes=own)]
        app = Starlette(
            routes=[*routes, *self._routes(first)],
            lifespan=self._lifespan,
            exception_handlers={HTTPException: refused},
        )
        return Guard(app, token, local)

    def open(self, served: Served, socket: WebSocket | None = None) -> Session | None:
        """A new session; None where there is no room for one."""
        if len(self.sessions) >= self.most_sessions:
            return None
        session = Session(self.hall, served)
        self.sessions[session] = socket
        return session

    def end(self, session: Session, why: str) -> None:
        """Give its place back; its game breaks off unless it is over."""
        self.sessions.pop(session, None)
        session.leave(why)

    def _routes(self, served: Served) -> list[BaseRoute]:
        """Of one environment."""
        spoken: list[BaseRoute] = [
            AgentGym(self, served).route,
            Mcp(self, served).route,
            play_page(served, self.hall),
            TO_THE_PAGE,
        ]
        return [*routes_of(served, self.hall), *spoken, WebSocketRoute("/ws", self._socket(served))]

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        reaper = asyncio.create_task(self._reap())
        try:
            yield
        finally:
            reaper.cancel()
            await self.hall.close()

    async def _reap(self) -> None:
        """Give back the places of those who say nothing any more."""
        said = f"nothing was heard for {self.idle_seconds:g} s"
        while True:
            await asyncio.sleep(min(1.0, self.idle_seconds / 4))
            self.hall.break_up_lonely(self.idle_seconds)
            for session, socket in [*self.sessions.items()]:
                if session.idle() > self.idle_seconds:
                    self.end(session, said)
                    if socket is not None:
                        with suppress(Exception):  # it may be gone already
                            await asyncio.wait_for(_farewell(socket, said), 1)

    def _socket(self, served: Served) -> Callable[[WebSocket], Awaitable[None]]:
        async def serve(socket: WebSocket) -> None:
            await socket.accept()
            session = self.open(served, socket)
            if session is None:
                said = f"{self.most_sessions} sessions are open, and no more are served"
                await _say(socket, error(said, "CAPACITY_REACHED"))
                await socket.close(CROWDED, said)
                return
            try:
                await _converse(session, socket)
            finally:
                self.end(session, "the connection of its client is lost")

        return serve


async def _converse(session: Session, socket: WebSocket) -> None:
    """Answer a client's frames one by one, until it is gone; that is noticed while an answer is worked out too."""
    frames: asyncio.Queue[str | bytes] = asyncio.Queue(WAITING_FRAMES)

    async def answer_all() -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it left before it was answered
            while (frame := await answer(session, await frames.get())) is not None:
                await _say(socket, frame)
            await socket.close()

    answering = asyncio.create_task(answer_all())
    try:
        while not answering.done():
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                break
            await frames.put(message.get("text") or message.get("bytes") or "")
    except RuntimeError:  # it was closed while it was read from
        pass
    finally:
        answering.cancel()


async def _say(socket: WebSocket, frame: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(frame, separators=(",", ":")))


async def _farewell(socket: WebSocket, said: str) -> None:
    await _say(socket, error(said, "SESSION_ERROR"))
    await socket.close(IDLE, said)
