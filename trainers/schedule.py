"""How hyper-parameters move over a run, also over one whose number of updates is raised on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sparring.store.run_files import CONFIG, RunError

Shape = Literal["geometric", "linear", "cosine", "constant"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Progress by update. Where `steps` was raised, the updates before that point stay as they were."""

    stretches: tuple[tuple[int, int], ...]
    """(update, steps) in ascending order: from this update on, the schedule is that of a run of so many steps."""

    @classmethod
    def of(cls, steps: int) -> Schedule:
        """One run of so many steps."""
        return cls(((0, steps),))

    @classmethod
    def read(cls, stretches: object, run: Path) -> Schedule:
        """What `to_json` gave, out of a run's `config.json`. Raises RunError where it is damaged."""
        pairs = [tuple(pair) for pair in stretches if isinstance(pair, list)] if isinstance(stretches, list) else []
        sound = all(len(pair) == 2 and all(type(number) is int and number >= 0 for number in pair) for pair in pairs)
        if not pairs or not sound or pairs[0][0] != 0:
            raise RunError(
                f"{run / CONFIG} is damaged: schedule must be a list of [update, steps] from update 0 on, "
                f"got {stretches!r}; nothing was changed"
            )
        return cls(tuple(pairs))

    def to_json(self) -> list[list[int]]:
        """What `config.json` holds."""
        return [list(pair) for pair in self.stretches]

    def stretched(self, update: int, steps: int) -> Schedule:
        """The same schedule before `update`, that of a run of `steps` from there on."""
        return Schedule((*(pair for pair in self.stretches if pair[0] < update), (update, steps)))

    def value(self, update: int, first: float, last: float, shape: Shape = "geometric", warmup: int = 0) -> float:
        """From `first` at update `warmup` to `last` at the last one; before, it rises to `first` in equal steps.

        Geometrically means linearly where `last` is 0. A `first` of 0 stays 0.
        """
        steps = next(steps for start, steps in reversed(self.stretches) if start <= update)
        if update < warmup:
            return first * (update + 1) / (warmup + 1)
        progress = min(1.0, (update - warmup) / max(1, steps - 1 - warmup))
        if first == 0.0 or shape == "constant":
            return first
        if shape == "geometric" and last > 0.0:
            return first * float((last / first) ** progress)
        if shape == "cosine":
            progress = (1.0 - math.cos(math.pi * progress)) / 2
        return first * (1.0 - progress) if last == 0.0 else first + (last - first) * progress
