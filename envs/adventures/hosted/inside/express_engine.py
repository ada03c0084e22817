"""TextWorldExpress (Jansen and Cote 2023, arXiv 2208.01174): eight games in a Java machine."""

from __future__ import annotations

import json
from typing import Any

from textworld_express import TextWorldExpressEnv

from .java import end, started
from .situation import Impossible, Situation, clean

HEAP_MEGABYTES = 512
UNKNOWN = "Unknown action"


class ExpressEngine:
    """One of the games, with its parameters in the engine's own words: `numLocations=3,includeDoors=0`."""

    def __init__(self, game: str, parameters: str) -> None:
        self._game = game
        self._env = started(HEAP_MEGABYTES, lambda: TextWorldExpressEnv(envStepLimit=2**31 - 1))
        self._server = self._env.server
        if said := self._server.load(game, parameters):
            raise Impossible(said.strip())

    def reset(self, seed: int) -> Situation:
        """Start the game of a seed."""
        return self._situation(self._start(seed, False))

    def step(self, command: str) -> Situation:
        """Play a command."""
        return self._situation(self._server.stepJSON(command))

    def plan(self, seed: int) -> list[str] | None:
        """The engine's own gold path."""
        self._start(seed, True)
        return list(self._server.getGoldActionSequence())

    def close(self) -> None:
        """End the Java machine."""
        end(self._env)

    def _start(self, seed: int, with_plan: bool) -> str:
        fold, first = ("train", 0) if seed >= 0 else ("test", 20_000)
        number = seed if seed >= 0 else ~seed
        said: str = self._server.generateNewGameJSON(first + number % 1_000, fold, with_plan)
        self._task = str(self._server.getTaskDescription())
        return said

    def _situation(self, said: str) -> Situation:
        state: dict[str, Any] = json.loads(said)
        won, lost, score = bool(state["tasksuccess"]), bool(state["taskfailure"]), float(state["score"])
        return Situation(
            clean(state["observation"]),
            score,
            1.0,
            won or score >= 1.0,
            lost,
            won or lost or score >= 1.0,
            sorted(state["validActions"]),
            not state["observation"].startswith(UNKNOWN),
            self._task,
            self._game,
        )
