"""The model context protocol: an environment as two tools, `begin` and `act`, for any agent that speaks it.

Over HTTP (`POST /mcp`, JSON answers) a session is what `initialize` names in the header `Mcp-Session-Id`; inside a
websocket of OpenEnv it is the session of that socket.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sparring import __version__
from sparring.kinds import shown
from sparring.serve.guard import body_of
from sparring.serve.hall import Full
from sparring.serve.served import Served
from sparring.serve.sessions import Json, Session, metadata, read_action
from sparring.serve.tables import BrokeOff, Told
from sparring.serve.wishes import read_wish

if TYPE_CHECKING:
    from sparring.serve.app import Server

PROTOCOL = "2025-06-18"
SESSION = "Mcp-Session-Id"
NO_JSON, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
TOOLS: list[Json] = [
    {
        "name": "begin",
        "description": "Begin an episode and see what the seat sees. One that is in play is given up.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "seed": {"type": "integer", "minimum": 0, "description": "Decides the task."},
                "split": {"type": "string"},
                "index": {"type": "integer", "minimum": 0, "description": "Which task of the split."},
                "sample": {"type": "integer", "minimum": 0, "description": "Which attempt at the task."},
                "seat": {"type": "string", "description": "Yours; the first one if it is left out."},
                "opponent": {"type": "string", "description": "Who plays the other seats."},
                "table": {"type": "string", "description": "Clients who name the same one play with each other."},
                "agent": {"type": "string", "description": "What the record calls you."},
            },
        },
    },
    {
        "name": "act",
        "description": "Play an action, and see what comes of it.",
        "inputSchema": {
            "type": "object",
            "properties": {"action": {"type": "string", "description": "In the words of the observation."}},
            "required": ["action"],
        },
    },
]


class Mcp:
    """One environment, as a client of the model context protocol sees it."""

    def __init__(self, server: Server, served: Served) -> None:
        self.server, self.served = server, served
        self._sessions: dict[str, Session] = {}
        self.route = Route("/mcp", self._post, methods=["POST", "DELETE"])

    async def _post(self, request: Request) -> Response:
        named = request.headers.get(SESSION, "")
        session = self._sessions.get(named)
        if session is not None and session not in self.server.sessions:
            del self._sessions[named]
            session = None
        if request.method == "DELETE":
            if session is not None:
                self.server.end(session, "its client ended it")
            return Response(status_code=204)
        try:
            said = await body_of(request)
        except HTTPException as error:
            return JSONResponse(_error(None, NO_JSON, error.detail), error.status_code)
        if named and session is None:
            return JSONResponse(_error(said, INVALID_REQUEST, "there is no such session: initialize again"), 404)
        if isinstance(said, Mapping) and said.get("method") == "initialize":
            return self._initialized(said)
        answer = await answer_rpc(session, said)
        return Response(status_code=202) if answer is None else JSONResponse(answer)

    def _initialized(self, said: Mapping[str, Any]) -> Response:
        session = self.server.open(self.served)
        if session is None:
            return JSONResponse(_error(said, INVALID_REQUEST, "no more sessions are served"), 503)
        name = secrets.token_hex(16)
        self._sessions[name] = session
        about = {
            "protocolVersion": PROTOCOL,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": f"sparring {self.served.name}", "version": __version__},
            "instructions": self.served.summary,
        }
        return JSONResponse(_result(said, about), headers={SESSION: name})


async def answer_rpc(session: Session | None, request: object) -> Json | None:
    """The answer to a JSON-RPC request; None to a notification. Never raises for what a client sends."""
    if not isinstance(request, Mapping) or not isinstance(request.get("method"), str):
        return _error(request, INVALID_REQUEST, "a request must be an object with a method")
    method, params = request["method"], request.get("params") or {}
    if method.startswith("notifications/"):
        return None
    if method == "ping":
        return _result(request, {})
    if method == "tools/list":
        return _result(request, {"tools": TOOLS})
    if method != "tools/call":
        return _error(request, NO_METHOD, f"there is no method {shown(method)}")
    if session is None:
        return _error(request, INVALID_REQUEST, f"initialize first, and send the header {SESSION}")
    if not isinstance(params, Mapping) or params.get("name") not in ("begin", "act"):
        return _error(request, INVALID_PARAMS, "params must name the tool begin or act")
    return _result(request, await _called(session, params["name"], params.get("arguments") or {}))


async def _called(session: Session, tool: str, arguments: object) -> Json:
    """What a tool says; where it cannot, why, for the model to read."""
    try:
        with session.busy():
            told = await (
                session.reset(read_wish(arguments)) if tool == "begin" else session.step(read_action(arguments))
            )
    except (ValueError, IndexError, Full, BrokeOff) as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    about = {"reward": told.reward, "done": told.done, **metadata(told, session)}
    return {"content": [{"type": "text", "text": _shown(told)}], "structuredContent": about, "isError": False}


def _shown(told: Told) -> str:
    return f"{told.seen.text}\nThe episode is over. Reward: {told.total:g}." if told.done else told.seen.text


def _result(request: object, result: Json) -> Json:
    return {"jsonrpc": "2.0", "id": _id(request), "result": result}


def _error(request: object, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": _id(request), "error": {"code": code, "message": message}}


def _id(request: object) -> Any:
    id = request.get("id") if isinstance(request, Mapping) else None
    return id if isinstance(id, str | int) else None
