"""One game of a foreign engine that survives its process: what hangs or ends it costs the command, not the game.

The engines are functions of a seed and commands. So the commands are the saved state: another process plays them again,
and must come to the same text.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping
from typing import Any

from sparring.envs.adventures.hosted.inside.situation import Situation
from sparring.envs.adventures.hosted.worker import (
    PLAN_SECONDS,
    START_SECONDS,
    STEP_SECONDS,
    EngineFailed,
    EngineGone,
    EngineSpec,
    Worker,
    workers,
)


class CommandLost(RuntimeError):
    """The engine hung or ended at a command; the game stands where it stood before."""


class Session:
    """The game at hand of one engine."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self._held: list[Worker] = []
        self._seed, self._played, self._last = 0, list[str](), ""
        self._release = weakref.finalize(self, _give_back, self._held)

    def reset(self, seed: int) -> Situation:
        """Start the game of a seed. Raises EngineGone, EngineFailed, and ValueError for what no game can be."""
        self._seed, self._played = seed, []
        return self._kept(self._ask_twice({"reset": seed}, START_SECONDS))

    def step(self, command: str) -> Situation:
        """Play a command. Raises CommandLost, and EngineGone where the game could not be restored either."""
        if not self._held or not self._held[0].is_usable:
            self._restore()
        try:
            situation = self._kept(self._worker().ask({"step": command}, STEP_SECONDS))
        except (EngineGone, EngineFailed) as error:
            self._drop()
            self._restore()
            warnings.warn(f"{error}; the game goes on in a new process without {command!r}", RuntimeWarning, 2)
            raise CommandLost(str(error)) from error
        self._played.append(command)
        return situation

    def plan(self, seed: int) -> list[str] | None:
        """Commands that win the game of a seed, where they are known; the game at hand stays."""
        other = workers.borrow(self.spec)
        try:
            found: list[str] | None = other.ask({"plan": seed}, PLAN_SECONDS)
        except BaseException:
            other.close()
            raise
        workers.give_back(other)
        return found

    def close(self) -> None:
        """Let go of the process. A game that goes on after all is played again in another one."""
        _give_back(self._held)

    def _ask_twice(self, order: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """In a new process where the old one is gone, or failed."""
        had_one = bool(self._held)
        try:
            return dict(self._worker().ask(order, seconds))
        except (EngineGone, EngineFailed):
            self._drop()
            if not had_one:
                raise
        return dict(self._worker().ask(order, seconds))

    def _restore(self) -> None:
        said = self._ask_twice({"reset": self._seed}, START_SECONDS)
        for command in self._played:
            said = self._worker().ask({"step": command}, STEP_SECONDS)
        if said["text"] != self._last:
            raise EngineGone(f"{self.spec.name} came to another text when its commands were played again")

    def _kept(self, said: Mapping[str, Any]) -> Situation:
        self._last = said["text"]
        return Situation(**said)

    def _worker(self) -> Worker:
        if self._held and not self._held[0].is_usable:
            self._drop()
        if not self._held:
            self._held.append(workers.borrow(self.spec))
        return self._held[0]

    def _drop(self) -> None:
        while self._held:
            self._held.pop().close()


def _give_back(held: list[Worker]) -> None:
    while held:
        workers.give_back(held.pop())
