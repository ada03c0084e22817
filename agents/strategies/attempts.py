"""What an agent knows of earlier attempts at a task, and the order in which attempts may learn from each other.

An attempt learns from those with a smaller `sample` and from no others, whichever ends first. So an attempt waits until
those that were opened before it and have a smaller `sample` are closed: attempts at one task are played one after
another, even where many matches are in play, and what an attempt knows does not depend on the clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from weakref import WeakSet

from sparring.content import canonical_json
from sparring.protocols import Seat
from sparring.types import Seen, mark_fault

MOST_TASKS = 4096
"""Tasks that are remembered; the one that was met longest ago is forgotten first."""
PAUSE = 0.01
"""Seconds between two looks at whether an earlier attempt has ended."""
PATIENCE = 600.0
"""Seconds after which an attempt that waits for an earlier one is broken off."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Attempt:
    """One attempt at a task."""

    sample: int
    turns: list[tuple[str, str]] = field(default_factory=list)
    """What was seen, and the action."""
    end: Seen | None = None
    """What was seen at the end; None before it, and where the attempt broke off."""
    reflection: str | None = None
    """What was learnt from it; None before somebody asked."""


@dataclass(slots=True)
class _Task:
    """The attempts at one task."""

    ended: dict[int, Attempt] = field(default_factory=dict)
    """By sample."""
    playing: WeakSet[Attempt] = field(default_factory=WeakSet)
    """A player that is dropped without being closed is not waited for."""


class Attempts:
    """All attempts that one agent has made."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Task] = {}

    def begin(self, seat: Seat) -> Attempt:
        """A new attempt at a seat's task."""
        key = task_key(seat)
        task = self._tasks.pop(key, None) or _Task()
        self._tasks[key] = task
        if len(self._tasks) > MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        attempt = Attempt(seat.sample)
        task.playing.add(attempt)
        return attempt

    def end(self, seat: Seat, attempt: Attempt, last: Seen | None) -> None:
        """The attempt is over. Of one that broke off nothing is learnt."""
        task = self._tasks.get(task_key(seat), _Task())
        task.playing.discard(attempt)
        attempt.end = last
        if last is not None:
            task.ended[attempt.sample] = attempt

    async def before(self, seat: Seat, most: int) -> list[Attempt]:
        """The latest attempts before this one, oldest first, once all of them have ended. Raises TimeoutError."""
        task, patience = self._tasks.get(task_key(seat), _Task()), monotonic() + PATIENCE
        while any(one.sample < seat.sample for one in task.playing):
            if monotonic() > patience:
                late = TimeoutError(f"sample {seat.sample} waited {PATIENCE:g} s for an earlier attempt at its task")
                raise mark_fault(late, "timeout")
            await asyncio.sleep(PAUSE)
        return [task.ended[sample] for sample in sorted(task.ended) if sample < seat.sample][-most:]


def task_key(seat: Seat) -> str:
    """Equal for seats that attempt the same task."""
    return canonical_json([seat.env_id, dict(seat.env_kwargs), seat.seat, seat.seed, seat.task])
