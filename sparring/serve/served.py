"""What is served: environments by the names that their addresses have, and their tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import registry
from sparring.specs import options_of

TRAIN = "train"
SPLITS = (TRAIN, "held_out")
MOST_TASKS = 2**31
"""Tasks of a split that are counted: every seed is one."""
MOST_LISTED = 1_000
"""Tasks that one answer lists."""


@dataclass(frozen=True, slots=True)
class Served:
    """One environment, with its options."""

    name: str
    """In addresses: KuhnPoker."""
    env_id: str
    kwargs: Mapping[str, object]
    seats: tuple[str, ...]
    splits: tuple[str, ...]
    summary: str
    reward_range: tuple[float, float] | None
    """Of an episode, where it is known."""

    def kwargs_of(self, split: str | None) -> dict[str, object]:
        """The options for the tasks of a split. Raises ValueError for one that there is not."""
        if split is None:
            return dict(self.kwargs)
        self.require_split(split)
        return {**self.kwargs, "split": split} if len(self.splits) > 1 else dict(self.kwargs)

    def require_split(self, split: str) -> None:
        """Raises ValueError for a split that there is not."""
        if split not in self.splits:
            raise ValueError(f"split of {self.name} must be {' or '.join(self.splits)}, got {split!r:.80}")

    def task(self, split: str, index: int) -> dict[str, Any]:
        """One task, by which it is chosen at a reset. Raises IndexError, ValueError."""
        self.require_split(split)
        if not 0 <= index < MOST_TASKS:
            raise IndexError(f"index must be 0 to {MOST_TASKS - 1}, got {index}")
        return {"id": f"{self.name}/{split}/{index}", "split": split, "index": index, "seed": index}

    def tasks(self, split: str, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """The tasks from `start` to before `stop`, at most 1,000 of them. Raises IndexError, ValueError."""
        end = min(MOST_TASKS, start + MOST_LISTED) if stop is None else stop
        if not 0 <= start <= end <= MOST_TASKS or end - start > MOST_LISTED:
            raise IndexError(f"start and stop must enclose 0 to {MOST_LISTED} tasks, got {start} and {stop}")
        return [self.task(split, index) for index in range(start, end)]


def served(name: str, env_id: str, kwargs: Mapping[str, object]) -> Served:
    """An environment under a name. Raises UnknownName, ValueError for options that it does not take."""
    row = registry.envs.row(env_id).given(kwargs)
    chosen = row.kwargs.get("split")
    has_splits = "split" in dict(options_of(row.build)) and chosen is None
    splits = SPLITS if has_splits else (str(chosen or TRAIN),)
    return Served(name, env_id, dict(kwargs), row.seat_ids, splits, row.summary, _declared(row.rewards_with({})))


def _declared(known: tuple[float, float] | None) -> tuple[float, float] | None:
    """A range that JSON can say."""
    return known if known and all(map(math.isfinite, known)) else None


def require_distinct(environments: Sequence[Served]) -> None:
    """Raises ValueError where two have one name."""
    names = [one.name for one in environments]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is named twice: one address can serve one of them")
