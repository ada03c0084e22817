"""A server of an executor, for `remote:URL` of another process or machine; the wire is in `wire`."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer

from sparring.addresses import LOOPBACK
from sparring.envs.retrieval.wire.answering import BadRequest, JsonHandler
from sparring.envs.robot.executors.wire import BadMessage, Told, moment_of
from sparring.envs.robot.types import Array, Executor

MOST_SESSIONS = 64
"""Episodes whose executors are kept; of more, the one that was asked longest ago begins its subgoal anew."""


class Sessions:
    """An executor for every episode that asks; safe for threads."""

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._executors: OrderedDict[str, Executor] = OrderedDict()

    def act(self, message: Mapping[str, object]) -> Array:
        """The action that a message asks for. Raises BadMessage, and what the executor raises."""
        moment, world = moment_of(message), Told(message)
        _require_told(world, moment.subgoal.thing, moment.subgoal.where)
        with self._lock:
            known = self._executors.pop(moment.session, None)
            executor = known or self._make()
            self._executors[moment.session] = executor
            while len(self._executors) > MOST_SESSIONS:
                self._executors.popitem(last=False)
            if known is None or moment.step == 0:
                executor.begin(world, moment.subgoal, moment.attempt)
            return executor.act(world)


def _require_told(world: Told, *names: str | None) -> None:
    for name in names:
        if name is not None and name not in world.things:
            raise BadMessage(f"the subgoal's {name!r} is none of the things: {', '.join(world.things)}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], make: Callable[[], Executor], about: Mapping[str, object]) -> None:
        self.sessions, self.about = Sessions(make), about
        super().__init__(address, _Handler)


class _Handler(JsonHandler):
    server: _Server
    path_of_post = "/act"
    offers = "there is POST /act, GET /about and GET /health"

    def pages(self) -> Mapping[str, Mapping[str, object]]:
        """Health, and what answers."""
        return {"/health": {"status": "ok"}, "/about": self.server.about}

    def answer_to(self, body: bytes) -> Mapping[str, object]:
        """The action."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadRequest("the body must be a JSON object, and is no JSON") from error
        if not isinstance(message, dict):
            raise BadRequest(f"the body must be a JSON object, got {message!r:.60}")
        try:
            return {"action": self.server.sessions.act(message).tolist()}
        except BadMessage as error:
            raise BadRequest(str(error)) from error


def serve(make: Callable[[], Executor], host: str = LOOPBACK, port: int = 0) -> ThreadingHTTPServer:
    """A server of executors, one for each episode, bound and not started. Port 0: any that is free.

    Raises what `make` raises, and OSError where the address cannot be had.
    """
    first = make()
    about = {"executor": first.name, "frame": bool(getattr(first, "looks", False))}
    try:
        return _Server((host, port), make, about)
    except OSError as error:
        raise OSError(error.errno, f"the server cannot have {host}, port {port}: {error.strerror or error}") from error
