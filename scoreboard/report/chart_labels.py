"""Where a name stands inside a plot: at the side where no line runs through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

Path = Sequence[tuple[float, float]]
"""A line's points in pixels, from left to right."""
HEIGHT, LETTER = 22.0, 6.4
"""Of a name, with some air, and of one of its letters, about, in pixels."""


def belongs_at_start(text: str, bottom: float, edges: tuple[float, float], lines: Iterable[Path]) -> bool:
    """Whether a name is free of lines at the start of a plot, and not at its end. `edges`: its left and right one."""
    start, end = edges
    width, paths = LETTER * len(text), list(lines)

    def is_free(left: float) -> bool:
        return not any(runs_through(path, (left, left + width), (bottom - HEIGHT, bottom)) for path in paths)

    return is_free(start) and not is_free(end - width)


def runs_through(path: Path, across: tuple[float, float], down: tuple[float, float]) -> bool:
    """Whether a line crosses a box: from left to right, and from top to bottom."""
    (left, right), (top, bottom) = across, down
    for (x0, y0), (x1, y1) in pairwise(path):
        if x1 >= left and x0 <= right:
            slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
            ends = [y0 + slope * (min(max(x, left), right) - x0) for x in (x0, x1)]
            if max(ends) >= top and min(ends) <= bottom:
                return True
    return False
