"""Ratings in the coordinates of their pictures: the interval in a row of the table, and learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.scoreboard.board.curves import Curve
from sparring.scoreboard.board.leaderboard import Line

WIDTH = 160.0
"""Of a whisker, pixels."""
MARGIN = 6.0
FRAME = (52.0, 630.0, 12.0, 190.0)
"""Left, right, top and bottom of a curve's picture."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """Where a rating and its interval stand on the axis of their table, pixels; open sides end in arrows."""

    low: float
    value: float
    high: float
    zero: float
    open_low: bool
    open_high: bool


@dataclass(frozen=True, slots=True)
class DrawnCurve:
    """A learning curve."""

    agent: str
    line: str
    band: str
    points: Sequence[tuple[float, float]]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


def draw_whisker(line: Line, together: Sequence[Line]) -> Whisker:
    """A line's interval on the axis on which all of these fit."""
    ends = [end for one in together for end in (one.elo, one.low, one.high, 0.0) if math.isfinite(end)]
    least, most = min(ends), max(ends)

    def at(elo: float) -> float:
        inside = min(max(elo, least), most)
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (inside - least) / ((most - least) or 1.0), 1)

    return Whisker(at(line.low), at(line.elo), at(line.high), at(0.0), math.isinf(line.low), math.isinf(line.high))


def draw_curve(curve: Curve) -> DrawnCurve:
    """A curve with its band and the ticks of both axes."""
    left, right, top, bottom = FRAME
    ends = [end for end in (*curve.low, *curve.high, *curve.elo) if math.isfinite(end)]
    least, most = min(ends), max(ends)
    first, last = curve.updates[0], curve.updates[-1]

    def across(update: float) -> float:
        return round(left + (right - left) * (update - first) / ((last - first) or 1), 1)

    def up(elo: float) -> float:
        inside = min(max(elo, least), most)
        return round(bottom - (bottom - top) * (inside - least) / ((most - least) or 1.0), 1)

    points = [(across(update), up(elo)) for update, elo in zip(curve.updates, curve.elo, strict=True)]
    upper = [(across(update), up(high)) for update, high in zip(curve.updates, curve.high, strict=True)]
    lower = [(across(update), up(low)) for update, low in zip(curve.updates, curve.low, strict=True)]
    return DrawnCurve(
        agent=curve.agent,
        line=_path(points),
        band=f"{_path([*upper, *reversed(lower)])}Z",
        points=points,
        x_ticks=[(across(update), str(update)) for update in _spread(curve.updates)],
        y_ticks=[(up(elo), f"{elo:+.0f}") for elo in np.linspace(least, most, 4)],
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x},{y}" for x, y in points)


def _spread(updates: Sequence[int]) -> list[int]:
    """At most eight of them, the first and the last among these."""
    picks = np.linspace(0, len(updates) - 1, min(8, len(updates))).round().astype(int)
    return [updates[pick] for pick in picks]
