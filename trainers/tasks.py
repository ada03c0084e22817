"""Tasks of a run: new ones for ever, or a fixed number, of which those that teach something are drawn more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.trainers.state import State
from sparring.types import derive_seed

SETTLED = 0.125
"""How often a task is drawn whose last attempts all came out equal, against 1: it is looked at again now and then."""


class Tasks:
    """Which tasks an update plays. A task is a number; its seed decides what it is."""

    def __init__(self, run_seed: int, count: int) -> None:
        """`count` 0: every update has tasks of its own."""
        self.run_seed, self.count = run_seed, count
        self.settled: dict[int, float] = {}
        """Task -> the return that all its last attempts had."""

    def draw(self, update: int, count: int) -> list[int]:
        """The tasks of an update; the same one twice only where there are fewer."""
        if not self.count:
            return list(range(update * count, (update + 1) * count))
        generator = np.random.default_rng(derive_seed(self.run_seed, "tasks", update))
        weights = np.array([SETTLED if task in self.settled else 1.0 for task in range(self.count)])
        rounds, found = -(-count // self.count), list[int]()
        for _ in range(rounds):
            size = min(count - len(found), self.count)
            found += generator.choice(self.count, size, replace=False, p=weights / weights.sum()).tolist()
        return found

    def record(self, returns: Sequence[tuple[str, float]]) -> None:
        """What the attempts of an update came to: the name of a task, and a return."""
        if not self.count:
            return
        by_task: dict[int, set[float]] = {}
        for name, value in returns:
            by_task.setdefault(number_of(name), set()).add(value)
        for number, values in by_task.items():
            self.settled.pop(number, None)
            if len(values) == 1:
                self.settled[number] = values.pop()

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {"settled": dict(self.settled)}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.settled = dict(state["settled"])


def name_of(number: int) -> str:
    """What episodes call a task."""
    return f"task-{number}"


def number_of(name: str) -> int:
    """The task that `name_of` named."""
    return int(name.removeprefix("task-"))
