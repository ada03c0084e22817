"""What is asked for without a session: what there is, its tasks, its schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sparring import __version__
from sparring.kinds import shown
from sparring.serve.guard import body_of
from sparring.serve.hall import Full, Hall
from sparring.serve.openenv import SCHEMA, observation
from sparring.serve.served import MOST_TASKS, Served
from sparring.serve.sessions import Session
from sparring.serve.tables import BrokeOff
from sparring.serve.wishes import read_wish

SPLIT_TYPES = {"train": "train", "held_out": "test"}
"""OpenEnv's words for the kinds of splits."""
Answer = Callable[[Any], object]


def answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with what a function of the JSON returns; what it refuses is the client's fault."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(answer(await body_of(request)))
        except (ValueError, IndexError) as error:
            raise HTTPException(400, str(error)) from error

    return endpoint


def listing(environments: Sequence[Served]) -> Route:
    """Which environments there are."""
    return Route("/list_environments", answering(lambda body: [one.name for one in environments]))


def routes_of(served: Served, hall: Hall) -> list[BaseRoute]:
    """OpenEnv's routes of one environment that need no session."""
    metadata = {
        "name": served.name,
        "description": served.summary,
        "version": __version__,
        "env_id": served.env_id,
        "seats": served.seats,
        "splits": served.splits,
        "opponents": list(hall.opponents),
        "reward_range": served.reward_range,
    }
    said: dict[str, object] = {
        "/health": {"status": "healthy"},
        "/metadata": metadata,
        "/schema": SCHEMA,
        "/openapi.json": _openapi(served),
        "/state": {"episode_id": None, "step_count": 0},
    }
    fixed: list[BaseRoute] = [Route(path, _always(what)) for path, what in said.items()]
    first = Route("/reset", _first_observation(served, hall), methods=["POST"])
    return [*fixed, first, Route("/step", _no_step, methods=["POST"])]


def task_routes(served: Served) -> list[BaseRoute]:
    """OpenEnv's task API of one environment."""

    def count(body: Any) -> object:
        served.require_split(_split(body))
        return {"num_tasks": MOST_TASKS}

    def one(body: Any) -> object:
        return {"task": served.task(_split(body), _whole(body, "index"))}

    def some(body: Any) -> object:
        return {"tasks": served.tasks(_split(body), _whole(body, "start"), _whole(body, "stop"))}

    def first(body: Any) -> object:
        return {"tasks": served.tasks(_split(body)), "env_name": served.name}

    splits = [{"name": split, "type": SPLIT_TYPES.get(split, "validation")} for split in served.splits]
    posted: dict[str, Answer] = {"tasks": first, "num_tasks": count, "task": one, "task_range": some}
    return [
        Route(f"/{served.name}/splits", answering(lambda body: splits)),
        *[Route(f"/{served.name}/{path}", answering(answer), methods=["POST"]) for path, answer in posted.items()],
    ]


def _first_observation(served: Served, hall: Hall) -> Callable[[Request], Awaitable[Response]]:
    """What a reset shows. Requests share no episode, so its game ends with the answer."""

    async def endpoint(request: Request) -> Response:
        session = Session(hall, served)
        try:
            told = await session.reset(read_wish(await body_of(request)))
        except (ValueError, IndexError) as error:
            raise HTTPException(422, str(error)) from error
        except Full as error:
            raise HTTPException(503, str(error)) from error
        except BrokeOff as error:
            raise HTTPException(500, str(error)) from error
        finally:
            session.leave("requests share no episode")
        return JSONResponse(observation(told, session)["data"])

    return endpoint


def _always(what: object) -> Callable[[Request], Awaitable[Response]]:
    return answering(lambda body: what)


async def _no_step(request: Request) -> Response:
    raise HTTPException(409, "a step before a reset: requests share no episode, so play over the websocket /ws")


def _split(body: object) -> str:
    split = body.get("split") if isinstance(body, Mapping) else None
    if not isinstance(split, str):
        raise ValueError(f'the body must have a "split", got {shown(body)}')
    return split


def _whole(body: Mapping[str, object], name: str) -> int:
    value = body.get(name)
    if type(value) is not int:
        raise ValueError(f"{name} must be a whole number, got {shown(value)}")
    return value


def _openapi(served: Served) -> dict[str, Any]:
    """Enough of an OpenAPI document for a client to know the routes."""
    answers = {"responses": {"200": {"description": "JSON"}}}
    got = {path: {"get": answers} for path in ("/health", "/metadata", "/schema", "/state")}
    posted = {path: {"post": answers} for path in ("/reset", "/step", "/mcp")}
    return {"openapi": "3.1.0", "info": {"title": served.name, "version": __version__}, "paths": {**got, **posted}}
