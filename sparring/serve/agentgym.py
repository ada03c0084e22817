"""The wire of AgentGym's BabyAI client, which hands actions on as they are: its clients play any environment here.

    POST NAME/agentgym/create ─► {"id": 0};  /reset {"id": 0, "data_idx": 7};  /step {"id": 0, "action": "go west"}

`data_idx` is the seed. The client is told the `score`, the sum of rewards so far, beside the reward of the step; it
never says goodbye, so its session ends when nothing was heard for a while.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sparring.kinds import shown
from sparring.serve.guard import body_of
from sparring.serve.hall import Full
from sparring.serve.served import Served
from sparring.serve.sessions import Session, read_action
from sparring.serve.tables import BrokeOff, Told
from sparring.serve.wishes import read_wish

if TYPE_CHECKING:
    from sparring.serve.app import Server


class AgentGym:
    """One environment, as AgentGym's client sees it."""

    def __init__(self, server: Server, served: Served) -> None:
        self.server, self.served = server, served
        self._created = 0
        self._sessions: dict[int, Session] = {}
        posted = {"/create": self._create, "/reset": self._reset, "/step": self._step, "/close": self._close}
        self.route = Mount("/agentgym", routes=[Route(path, one, methods=["POST"]) for path, one in posted.items()])

    async def _create(self, request: Request) -> Response:
        session = self.server.open(self.served)
        if session is None:
            raise HTTPException(503, f"{self.server.most_sessions} sessions are open, and no more are served")
        for number in [number for number, one in self._sessions.items() if one not in self.server.sessions]:
            del self._sessions[number]
        id, self._created = self._created, self._created + 1
        self._sessions[id] = session
        return JSONResponse({"id": id})

    async def _reset(self, request: Request) -> Response:
        session, body = await self._asked(request)
        try:
            wish = read_wish({"seed": body.get("data_idx", 0)})
        except ValueError as error:
            raise HTTPException(422, str(error).replace("seed", "data_idx", 1)) from error
        return await self._told(session, session.reset(wish))

    async def _step(self, request: Request) -> Response:
        session, body = await self._asked(request)
        try:
            action = read_action({"action": body.get("action")})
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return await self._told(session, session.step(action))

    async def _close(self, request: Request) -> Response:
        session, _ = await self._asked(request)
        self.server.end(session, "its client closed it")
        return JSONResponse(True)

    async def _asked(self, request: Request) -> tuple[Session, Mapping[str, Any]]:
        """The session that a request names, and its body. Raises HTTPException."""
        body = await body_of(request)
        id = body.get("id") if isinstance(body, Mapping) else None
        session = self._sessions.get(id) if type(id) is int else None
        if session is None or session not in self.server.sessions:
            raise HTTPException(404, f"there is no session {shown(id)}: POST /create opens one")
        return session, body

    async def _told(self, session: Session, telling: Awaitable[Told]) -> Response:
        try:
            with session.busy():
                told = await telling
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        except Full as error:
            raise HTTPException(503, str(error)) from error
        except BrokeOff as error:
            raise HTTPException(500, str(error)) from error
        said = {"observation": told.seen.text, "reward": told.reward, "score": told.total, "done": told.done}
        return JSONResponse(said)
