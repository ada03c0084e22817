"""Columns of numbers that stand for things: which of them there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
SPREAD = 8
"""Times the length of a column: up to here a table of all possible numbers is faster than sorting."""


def no_ints() -> Ints:
    """An empty column."""
    return np.empty(0, np.int64)


def distinct(column: Ints) -> tuple[Ints, Ints]:
    """The different numbers (>= 0), ascending, and for each entry of the column the index of its number."""
    size = int(column.max(initial=-1)) + 1
    if size > SPREAD * len(column):
        numbers, index = np.unique(column, return_inverse=True)
        return numbers, index
    is_there = np.zeros(size, bool)
    is_there[column] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[column]
