"""Results of games of two, as columns: all that a rating sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32] | NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Games:
    """Games of two, as columns of equal length N. Raises ValueError for columns that are no results of games.

    An agent may play itself; such games say something of the seats and of draws.
    """

    agents: Sequence[str]
    first: Ints
    """[N], index into `agents` of who sat in the first seat."""
    second: Ints
    """[N], index into `agents` of who sat in the second seat."""
    score: Floats
    """[N], 1.0 where the first seat won, 0.5 for a draw, 0.0 where the second seat won."""
    cluster: Ints
    """[N], games with the same number are not independent (a mirrored seed of one environment)."""
    weight: Floats
    """[N], 1.0 as a rule; other weights keep the prior as weak as it is if their mean is 1."""

    def __post_init__(self) -> None:
        count, names = len(self.first), list(self.agents)
        for name in ("first", "second", "score", "cluster", "weight"):
            if np.shape(getattr(self, name)) != (count,):
                raise ValueError(f"{name} must have one entry for each of {count} games, got {getattr(self, name)!r}")
        if len(set(names)) < len(names):
            raise ValueError(f"agents must have different names, got {names}")
        for name in ("first", "second"):
            seats = getattr(self, name)
            if count and not (seats.min() >= 0 and seats.max() < len(names)):
                raise ValueError(f"{name} must index {len(names)} agents, got {seats.min()} to {seats.max()}")
        if not np.isin(self.score, (0.0, 0.5, 1.0)).all():
            raise ValueError("score must be 1.0 (the first seat won), 0.5 (a draw) or 0.0 in every game")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all():
            raise ValueError("weight must be a finite number >= 0 for every game")

    def __len__(self) -> int:
        return len(self.first)
