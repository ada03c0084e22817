"""The ASGI application: who asks, which model, and what comes back.

    POST /v1/chat/completions    POST /v1/completions    GET /v1/models
    /session/ID/v1/...           the same, of the session with that id, whatever key the request has

A session's id and its key are secrets: whoever has one of them may ask the session's model, and is recorded there.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sparring.addresses import names_this_machine
from sparring.agents.endpoint.answering import TOO_LONG, answer_chat, answer_prompt
from sparring.agents.endpoint.bodies import (
    chat_body,
    chat_events,
    completions_body,
    dumped,
    error_body,
    models_body,
)
from sparring.agents.endpoint.requests import Asked, Refused, body_of, read_chat, read_completions
from sparring.agents.endpoint.session import Session
from sparring.protocols import LanguageModel

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
MOST_BODY = 8 * 2**20
"""Bytes of a request."""


@dataclass(slots=True)
class Endpoint:
    """Which models are served, and to whom."""

    models: Mapping[str, LanguageModel] = field(default_factory=dict)
    """By name, for whoever has the token."""
    token: str | None = None
    """What `models` are asked with; "": nothing, None: nobody may ask them."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By id, and by key."""

    def add(self, session: Session) -> None:
        """Let programs ask the session's model from now on."""
        self.sessions |= {session.id: session, session.key: session}

    def remove(self, session: Session) -> None:
        """Answer its program no longer."""
        for secret in (session.id, session.key):
            self.sessions.pop(secret, None)

    def place(self, request: Request) -> tuple[Mapping[str, LanguageModel], Session | None]:
        """The models that a request may ask, and the session that it belongs to. Raises Refused."""
        if "id" in request.path_params:
            session = self.sessions.get(request.path_params["id"])
            if session is None:
                raise Refused("there is no such session, or it is over", "session_not_found", 404)
            return {session.model.name: session.model}, session
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if (session := self.sessions.get(key)) is not None:
            return {session.model.name: session.model}, session
        self._require_token(key, request.headers.get("host", ""))
        return self.models, None

    def _require_token(self, key: str, host: str) -> None:
        if self.token == "" and not names_this_machine(host):
            raise Refused("a server without a token answers to 127.0.0.1 and localhost only", "forbidden", 403)
        if self.token is None or (self.token and not hmac.compare_digest(key.encode(), self.token.encode())):
            raise Refused("the API key is wrong: send `Authorization: Bearer KEY`", "invalid_api_key", 401)


def app_of(endpoint: Endpoint) -> Starlette:
    """The application."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def chat(request: Request) -> Response:
        models, session = endpoint.place(request)
        asked = read_chat(body_of(await _read(request)))
        model = _model(models, asked.asked)
        answer = await _wanted(request, _failing_there(session, answer_chat(model, asked, session)))
        if asked.asked.stream:
            events = b"".join(chat_events(model, asked.asked, answer))
            return Response(events, media_type="text/event-stream")
        return _json(chat_body(model, asked.asked, answer))

    async def completions(request: Request) -> Response:
        models, session = endpoint.place(request)
        asked = read_completions(body_of(await _read(request)))
        model = _model(models, asked.asked)
        together = asyncio.gather(*(answer_prompt(model, asked, prompt, session) for prompt in asked.prompts))
        answers = await _wanted(request, _failing_there(session, _all(together)))
        return _json(completions_body(model, asked.asked, answers))

    async def list_models(request: Request) -> Response:
        models, _ = endpoint.place(request)
        return _json(models_body(list(models)))

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return _json(error_body(error.message, error.code, error.status), error.status)

    def broken(request: Request, error: Exception) -> Response:
        return _json(error_body(f"the server failed: {type(error).__name__}", "internal_error", 500), 500)

    def http_error(request: Request, error: Exception) -> Response:
        status: int = getattr(error, "status_code", 404)
        said = f"there is no {request.method} {request.url.path[:80]}"
        return _json(error_body(said, "not_found", status), status)

    routes = [
        Route(f"{prefix}/v1{path}", handler, methods=[method])
        for prefix in ("", "/session/{id}")
        for path, method, handler in (
            ("/chat/completions", "POST", chat),
            ("/completions", "POST", completions),
            ("/models", "GET", list_models),
        )
    ]
    handlers = {Refused: refused, 404: http_error, 405: http_error, Exception: broken}
    return Starlette(routes=routes, exception_handlers=handlers)


async def _read(request: Request) -> bytes:
    """The body. Raises Refused where it is too large; what is left of it is read, so that the sender hears it."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MOST_BODY:
            body += chunk
        elif size > 8 * MOST_BODY:
            break
    if size > MOST_BODY:
        raise Refused(f"the body must have at most {MOST_BODY} bytes", "request_too_large", 413)
    return bytes(body)


def _model(models: Mapping[str, LanguageModel], asked: Asked) -> LanguageModel:
    model = models.get(asked.model)
    if model is None:
        raise Refused(f"there is no model {asked.model[:80]!r}; there is {', '.join(models)}", "model_not_found", 404)
    return model


async def _failing_there(session: Session | None, work: Coroutine[Any, Any, T]) -> T:
    """The result; why the model failed is kept in the session, and told without a traceback."""
    try:
        return await work
    except Refused:
        raise
    except Exception as error:
        if getattr(error, "fault_kind", None) == "capacity":
            raise Refused(str(error), TOO_LONG) from None
        if session is not None and session.failure is None:
            session.failure = error
        raise Refused(f"the model failed: {error}"[:500], "model_failed", 500) from error


async def _wanted(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result, if whoever asked is still there when it has come; else the work is given up."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Refused("nobody waits for the answer any more", "gone", 499)
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _all(together: asyncio.Future[list[T]]) -> list[T]:
    return await together


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    from starlette.responses import Response

    return Response(dumped(body), status, media_type="application/json")
