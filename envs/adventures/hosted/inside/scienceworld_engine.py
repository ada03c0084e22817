"""ScienceWorld (Wang et al. 2022, arXiv 2203.07540): thirty tasks of primary-school science in a Java machine."""

from __future__ import annotations

import json

from scienceworld import ScienceWorldEnv

from .java import end, started
from .situation import Impossible, Situation, clean

HEAP_MEGABYTES = 1_500
UNKNOWN = "No known action matches that input."


class ScienceWorldEngine:
    """One task; the seed names its variation. `simplifications` are the engine's own words: `easy`.

    lists: whether the valid actions are computed, which is most of the work of a step.
    """

    def __init__(self, task: str, simplifications: str, lists: bool) -> None:
        self._task, self._simplifications, self._lists = task, simplifications, lists
        self._env = started(HEAP_MEGABYTES, lambda: ScienceWorldEnv("", envStepLimit=2**31 - 1))
        self._server = self._env.server
        try:
            self._env.load(task, 0, simplifications)
        except ValueError as error:
            self.close()
            raise Impossible(str(error)) from error
        self._variations = {True: self._env.get_variations_train(), False: self._env.get_variations_test()}

    def reset(self, seed: int) -> Situation:
        """Start the variation of a seed."""
        self._load(seed, False)
        self._description = self._env.get_task_description()
        return self._situation(self._server.step("look around"))

    def step(self, command: str) -> Situation:
        """Play a command."""
        return self._situation(self._server.step(command))

    def plan(self, seed: int) -> list[str] | None:
        """The engine's own gold path, which wins."""
        self._load(seed, True)
        return list(self._env.get_gold_action_sequence())

    def close(self) -> None:
        """End the Java machine."""
        end(self._env)

    def _load(self, seed: int, with_plan: bool) -> None:
        variations = self._variations[seed >= 0]
        number = seed if seed >= 0 else ~seed
        self._env.load(self._task, variations[number % len(variations)], self._simplifications, with_plan)
        self._server.reset()

    def _situation(self, said: str) -> Situation:
        score = float(round(100 * self._server.getScore()))
        completed = bool(self._server.getCompleted())
        return Situation(
            clean(said),
            score,
            100.0,
            completed and score >= 100,
            score < 0,
            completed or score < 0,
            self._admissible() if self._lists else None,
            said != UNKNOWN,
            self._description,
            self._task,
        )

    def _admissible(self) -> list[str]:
        said = json.loads(self._server.getValidActionObjectCombinationsJSON())
        return sorted({one["action"] for one in said["validActions"]})
