"""Who may ask, and how much at a time."""

from __future__ import annotations

import hmac
import json
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sparring.addresses import names_this_machine

MOST_BYTES = 4_000_000
"""Of a request, or of a frame."""
MOST_DROPPED = 16 * MOST_BYTES
"""Of a larger request, which is read so far before it is refused."""
UNAUTHORIZED = 4401
"""The code that ends a websocket which may not be opened."""


class Guard:
    """Lets in whoever has the token, and no page of another site that a browser here shows."""

    def __init__(self, app: ASGIApp, token: str | None, local: bool) -> None:
        self.app, self.token, self.local = app, token, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif not self._is_meant(Headers(scope=scope)):
            await _refuse(403, "this server is not for pages of other sites", scope, receive, send)
        elif not self._has_token(scope):
            await _refuse(401, "send `Authorization: Bearer TOKEN` with the server's token", scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_meant(self, headers: Headers) -> bool:
        """Whether a request names this server, and comes from no page of another one."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.local and not names_this_machine(host):
            return False
        return origin is None or origin.partition("://")[2] == host

    def _has_token(self, scope: Scope) -> bool:
        if self.token is None:
            return True
        in_address = QueryParams(scope["query_string"]).get("token", "")
        scheme, _, said = Headers(scope=scope).get("authorization", f"Bearer {in_address}").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(said.encode(), self.token.encode())


async def _refuse(status: int, said: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": UNAUTHORIZED, "reason": said})
    else:
        await JSONResponse({"detail": said}, status)(scope, receive, send)


async def refused(request: Request, error: Exception) -> Response:
    """A refusal as JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code)


async def body_of(request: Request) -> Any:
    """The JSON of a request, {} where it has no body. Raises HTTPException where it is too large, or no JSON."""
    text, size = bytearray(), 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MOST_DROPPED:
                break
            text += part if size <= MOST_BYTES else b""
    except ClientDisconnect as gone:  # nobody hears the answer, and it is worth no line in the log
        raise HTTPException(400, "the body broke off") from gone
    if size > MOST_BYTES:  # it was read nevertheless: a client that still sends hears no answer
        raise HTTPException(413, f"a body may have {MOST_BYTES} bytes")
    try:
        return json.loads(bytes(text)) if text else {}
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "the body must be JSON") from error
