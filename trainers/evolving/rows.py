"""SELECT: which trajectories of some episodes are learnt from, and with what weight.

The functions here take and give lists, keep the order, and never see what must not be trained on: `attempts_of` leaves
out faults and frozen players, and refuses held-out tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sparring.agents.second_attempts import Earlier
from sparring.exports.guards import own_trajectories
from sparring.scoreboard.attempts import done_of
from sparring.trainers.data.guards import require_trainable_task
from sparring.types import Episode, Trajectory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A trajectory that may be learnt from."""

    episode: Episode
    trajectory: Trajectory
    game: str
    weight: float = 1.0
    retold: bool = False
    """Whether its actions are learnt in the words of the run's own agent: somebody else took them, or saw more."""
    earlier: Earlier | None = None
    """Where retold: the attempt that is shown before; None: the plain task."""

    @property
    def task(self) -> tuple[str, str]:
        """What it was an attempt at: a task, and the seat."""
        return self.episode.task or self.episode.id, self.trajectory.seat

    @property
    def parent(self) -> str:
        """The trajectory that it comes from, by id. Raises IndexError where it comes from none."""
        return self.trajectory.parents[0][1]

    @property
    def actions(self) -> tuple[str, ...]:
        """What was done."""
        return tuple(turn.action for turn in self.trajectory.turns)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two attempts at one task, of which one is preferred."""

    chosen: Row
    rejected: Row
    gap: float | None = None
    """How much better the chosen one is, which is regressed on; None: DPO."""


def attempts_of(episodes: Iterable[Episode]) -> list[Row]:
    """The trajectories of the learner in whole episodes. Raises ValueError for a held-out task."""
    rows = []
    for episode in episodes:
        require_trainable_task(episode)
        rows += [Row(episode, one, episode.env_id) for one in own_trajectories(episode) if one.turns]
    return rows


def with_weights(rows: Iterable[Row], weigh: Callable[[Row], float]) -> list[Row]:
    """Those of a positive weight, weighted. Raises ValueError for a weight that is not a number."""
    found = []
    for row in rows:
        weight = weigh(row)
        if not weight == weight:
            raise ValueError(f"the weight of trajectory {row.trajectory.id} must be a number, got {weight}")
        if weight > 0:
            found.append(replace(row, weight=row.weight * weight))
    return found


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Without those that did the same at the same task as an earlier one."""
    found: dict[object, Row] = {}
    for row in rows:
        found.setdefault((row.task, row.actions), row)
    return list(found.values())


def by_task(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """The attempts at each task, in order."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault(row.task, []).append(row)
    return found


def has_succeeded(trajectory: Trajectory, least: float) -> bool:
    """Whether an attempt succeeded: as the environment measures it, else by a reward of at least so much."""
    said = done_of(trajectory)
    return trajectory.reward >= least if said is None else said


def solved(rows: Iterable[Row], least: float) -> list[Row]:
    """Those that succeeded."""
    return [row for row in rows if has_succeeded(row.trajectory, least)]


def unsolved(rows: Iterable[Row], least: float) -> list[Row]:
    """Those that did not."""
    return [row for row in rows if not has_succeeded(row.trajectory, least)]


def batch_of(rows: Sequence[T], order: Sequence[int], step: int, size: int) -> list[T]:
    """The rows of one step of fitting: along the order, round and round, so that all are used before one is again."""
    size = min(size, len(rows))
    return [rows[order[place % len(rows)]] for place in range(step * size, (step + 1) * size)]
