"""The remote executor: a server, such as one of a vision-language-action model, is asked for every action.

The wire is in `wire`. Whatever goes wrong there raises ExecutorFailed with the reason: it is a fault of the
environment, which the episode records, and never a reward of 0.
"""

from __future__ import annotations

import json
import uuid

from sparring.envs.retrieval.wire.http import Service
from sparring.envs.robot.executors.named import world_name
from sparring.envs.robot.executors.wire import BadMessage, Moment, action_of, message_of
from sparring.envs.robot.types import Array, ExecutorFailed, World
from sparring.robotics.words import Subgoal

TIMEOUT = 30.0
SIZE = 128
"""Pixels of a frame."""


class RemoteExecutor:
    """Asks the server at an address.

    url: of the server, without `/act`; timeout: seconds for each action. A server is asked once whether it looks at
    pictures; where it does not say, frames of the first camera are sent.
    """

    name = "remote"

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        """Raises ValueError for an address that is none. Nothing is sent yet."""
        self._service = Service(url.rstrip("/").removesuffix("/act"), timeout, "executor", ExecutorFailed)
        self._session = uuid.uuid4().hex
        self._looks: bool | None = None

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new attempt; the server hears of it with the first action."""
        self._moment = Moment(self._session, subgoal, attempt, 0)

    def act(self, world: World) -> Array:
        """What the server answers, clipped. Raises ExecutorFailed, and RenderingUnavailable if it needs a picture."""
        if self._looks is None:
            self._looks = self._asks_for_frames()
        now = self._moment
        frame = world.frame(world.cameras[0], SIZE) if self._looks else None
        message = message_of(world, now, world_name(world), frame)
        answer = self._service.ask("POST", "/act", json.dumps(message).encode())
        self._moment = Moment(now.session, now.subgoal, now.attempt, now.step + 1)
        try:
            return action_of(answer, len(world.rest(-1.0)))
        except BadMessage as error:
            raise ExecutorFailed(f"the executor at {self._service.name} answered with garbage: {error}") from error

    def _asks_for_frames(self) -> bool:
        status, content = self._service.ask_plainly("GET", "/about")
        try:
            said = json.loads(content) if status == 200 else None
        except (ValueError, RecursionError):
            said = None
        return not (isinstance(said, dict) and said.get("frame") is False)
