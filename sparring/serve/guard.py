"""Who may ask, and how much at a time."""

from __future__ import annotations

import hmac
import json
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

MOST_BYTES = 4_000_000
"""Of a request, or of a frame."""
UNAUTHORIZED = 4401
"""The code that ends a websocket which had no token."""


class Guard:
    """Lets in whoever has the token."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan" or self._may_enter(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": UNAUTHORIZED, "reason": "wrong token"})
        else:
            said = "send `Authorization: Bearer TOKEN` with the server's token"
            await JSONResponse({"detail": said}, 401)(scope, receive, send)

    def _may_enter(self, scope: Scope) -> bool:
        said = Headers(scope=scope).get("authorization", "")
        return self.token is None or hmac.compare_digest(said.encode(), f"Bearer {self.token}".encode())


async def refused(request: Request, error: Exception) -> Response:
    """A refusal as JSON."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code)


async def body_of(request: Request) -> Any:
    """The JSON of a request, {} where it has no body. Raises HTTPException where it is too large, or no JSON."""
    text = bytearray()
    async for part in request.stream():
        text += part
        if len(text) > MOST_BYTES:
            raise HTTPException(413, f"a body may have {MOST_BYTES} bytes")
    try:
        return json.loads(bytes(text)) if text else {}
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, "the body must be JSON") from error
