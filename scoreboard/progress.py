"""The one figure that says how a run is doing, read from its metrics: NashConv, or the result against uniform play."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EXACT, PLAYED = "nash_conv/", "against_uniform/"
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=*#"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one game over the updates in which it was measured."""

    key: str
    """Its name in `metrics.jsonl`."""
    values: tuple[tuple[int, float], ...]
    """(update, value), in order; never empty."""

    @property
    def is_exact(self) -> bool:
        """Worked out exactly, and not played."""
        return self.key.startswith(EXACT)

    @property
    def name(self) -> str:
        """What people call it."""
        return "NashConv" if self.is_exact else "vs uniform"

    @property
    def game(self) -> str:
        """The game, in short."""
        return short_name(self.key.partition("/")[2])

    @property
    def last(self) -> float:
        """The latest value."""
        return self.values[-1][1]

    @property
    def best(self) -> tuple[int, float]:
        """(update, value) of the best one, the earliest of equals: the lowest NashConv, or the highest reward."""
        sign = 1.0 if self.is_exact else -1.0
        return min(self.values, key=lambda pair: sign * pair[1])


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The figure of every game that has one, in the order of the run; exact strength where a game can be solved."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for key, value in row.items():
            if key.startswith((EXACT, PLAYED)) and _is_number(value):
                found.setdefault(key, []).append((row["update"], float(value)))
    solved = {key.partition("/")[2] for key in found if key.startswith(EXACT)}
    return [
        Figure(key, tuple(values))
        for key, values in found.items()
        if key.startswith(EXACT) or key.partition("/")[2] not in solved
    ]


def shown(figure: Figure, value: float) -> str:
    """A value of a figure for people; rewards have a sign."""
    return f"{value:.3f}" if figure.is_exact else f"{value:+.3f}"


def main_figure(rows: Sequence[Row]) -> Figure | None:
    """The first game's figure, an exact one before a played one; None where nothing was measured."""
    return next(iter(sorted(figures(rows), key=lambda figure: not figure.is_exact)), None)


def sparkline(values: Sequence[float], width: int, bars: str = BARS) -> str:
    """A curve of one line: the last value of each of `width` equal stretches, lowest to highest bar."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    shown = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(shown), max(shown)
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((value - low) * scale)] for value in shown)


def short_name(env_id: str) -> str:
    """`sparring/KuhnPoker-v0` as KuhnPoker."""
    name = env_id.removeprefix("sparring/")
    stem, dash, version = name.rpartition("-v")
    return stem if dash and version.isdigit() else name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
