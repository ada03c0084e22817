"""The figures that say how a run is doing, read from its metrics: NashConv, or the result against named agents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from sparring.store.run_parts import MetricsRow

EXACT, PLAYED = "nash_conv/", "against_uniform/"
PROBE, PROBE_LOW, PROBE_HIGH, PROBE_ILLEGAL = "probe/", "probe_low/", "probe_high/", "probe_illegal/"
VERSUS = " vs "
"""Between game and agent in the name of a probe's figure; no game has a blank in its name."""
HELD_OUT, OTHER_TASKS = "held-out tasks", "other tasks"
"""What is played alone stands in the place of an agent."""
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=*#"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one game over the updates in which it was measured."""

    key: str
    """Its name in `metrics.jsonl`."""
    values: tuple[tuple[int, float], ...]
    """(update, value), in order; never empty."""
    interval: tuple[float, float] | None = None
    """Of the last value of a probe."""

    @property
    def is_exact(self) -> bool:
        """Worked out exactly, and not played."""
        return self.key.startswith(EXACT)

    @property
    def name(self) -> str:
        """What people call it."""
        if self.is_exact:
            return "NashConv"
        return self.opponent if self.opponent in (HELD_OUT, OTHER_TASKS) else f"vs {self.opponent}"

    @property
    def opponent(self) -> str:
        """Who was played against; "" for an exact figure."""
        if self.is_exact:
            return ""
        return self.key.partition(VERSUS)[2] if self.key.startswith(PROBE) else "uniform"

    @property
    def game(self) -> str:
        """The game, in short."""
        return short_name(self.env_id)

    @property
    def env_id(self) -> str:
        """The environment."""
        return self.key.partition("/")[2].partition(VERSUS)[0]

    @property
    def last(self) -> float:
        """The latest value."""
        return self.values[-1][1]

    @property
    def best(self) -> tuple[int, float]:
        """(update, value) of the best one, the earliest of equals: the lowest NashConv, or the highest reward."""
        sign = 1.0 if self.is_exact else -1.0
        return min(self.values, key=lambda pair: sign * pair[1])


def probe_keys(env_id: str, agent: str) -> tuple[str, str, str]:
    """The names in `metrics.jsonl` of a probe's mean reward, and of the two ends of its interval."""
    low, mean, high = (f"{prefix}{env_id}{VERSUS}{agent}" for prefix in (PROBE_LOW, PROBE, PROBE_HIGH))
    return mean, low, high


def illegal_key(env_id: str, agent: str) -> str:
    """The name in `metrics.jsonl` of the share of illegal actions in a probe's games."""
    return f"{PROBE_ILLEGAL}{env_id}{VERSUS}{agent}"


def figures(rows: Sequence[MetricsRow]) -> list[Figure]:
    """The figures of every game, in the order of the run: exact strength where a game can be solved, and its probes.

    The result against uniform play at both ends of a run stands for a game that has neither.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for key, value in row.items():
            if key.startswith((EXACT, PROBE, PLAYED)) and is_number(value):
                found.setdefault(key, []).append((row["update"], float(value)))
    measured = [Figure(key, tuple(values), _last_interval(key, rows)) for key, values in found.items()]
    told = {figure.env_id for figure in measured if not figure.key.startswith(PLAYED)}
    games = list(dict.fromkeys(figure.env_id for figure in measured))
    kept = [figure for figure in measured if not figure.key.startswith(PLAYED) or figure.env_id not in told]
    return sorted(kept, key=lambda figure: (games.index(figure.env_id), not figure.is_exact))


def figures_alone(row: MetricsRow) -> MetricsRow:
    """Of an update what `figures` needs, and how long it took."""
    kept = (EXACT, PROBE, PROBE_LOW, PROBE_HIGH, PLAYED)
    return {key: value for key, value in row.items() if key in ("update", "seconds") or key.startswith(kept)}


def _last_interval(key: str, rows: Sequence[MetricsRow]) -> tuple[float, float] | None:
    """The two ends that stand beside the last value of a probe."""
    ends = [PROBE_LOW + key.removeprefix(PROBE), PROBE_HIGH + key.removeprefix(PROBE)]
    row = next(row for row in reversed(rows) if is_number(row.get(key)))
    low, high = (row.get(end) for end in ends) if key.startswith(PROBE) else (None, None)
    return (float(low), float(high)) if is_number(low) and is_number(high) else None


def shown(figure: Figure, value: float) -> str:
    """A value of a figure for people; rewards have a sign."""
    return f"{value:.3f}" if figure.is_exact else f"{value:+.3f}"


def shown_interval(figure: Figure) -> str:
    """The interval of the last value for people; "" where there is none."""
    return "({:+.2f} to {:+.2f})".format(*figure.interval) if figure.interval else ""


def main_figure(rows: Sequence[MetricsRow]) -> Figure | None:
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


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value of the metrics is one that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
