"""Pig for two, worked out: whoever holds reaches its next turn, so positions come back, and values are iterated.

Neller and Presser, "Optimal Play of the Dice Game Pig" (The UMAP Journal 25, 2004). With V_n(i, j, k) what the seat to
move wins (1, or -1) when it has i points and k in this turn, the other seat has j, and n actions are left:
    roll = (Σ_{r=2..6} V_{n-1}(i, j, k + r) - V_{n-1}(j, i, 0)) / 6
    hold = -V_{n-1}(j, i + k, 0), and 1 where i + k reaches the target
and V_0 = 0. A game in which nobody ever rolls is a draw. That ours ends after 1,000 actions is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FACES = range(2, 7)
ROLL, HOLD = "roll", "hold"
MOST_PASSES = 1_000
SETTLED = 1e-13
MOST_TARGET = 100
SAME = 1e-9
"""Values nearer than this are equal."""
SCORES = re.compile(r"Scores: (\d+) (\d+), Turn total: (\d+)\nCurrent player: (\d)")
Floats = NDArray[np.float64]
Point = tuple[int, int, int]
"""The mover's score, the other's, the points of this turn."""
Scores = tuple[NDArray[np.int64], NDArray[np.int64]]
"""[d] twice: the mover's and the other's."""
Choice = Callable[[Scores, Floats, Floats], Floats]
"""Of (scores, what rolling wins [d, T], what holding wins [d, T]) the value of playing on."""


@dataclass(frozen=True, slots=True)
class Values:
    """Of one seat in Pig to T points: what it wins on its turn by rolling and by holding now, and as it plays."""

    roll: Floats
    """[T, T, T] by (i, j, k)."""
    hold: Floats
    start: Floats
    """[T, T] by (i, j), at the beginning of a turn."""

    def best(self, at: Point) -> tuple[str, ...]:
        """The actions that keep the value of a position."""
        i, _, k = at
        if i + k >= len(self.roll):
            return (HOLD,)
        apart = float(self.roll[at] - self.hold[at])
        return (ROLL, HOLD) if abs(apart) < SAME else (ROLL,) if apart > 0 else (HOLD,)


@lru_cache(maxsize=4)
def solve(target: int) -> Values:
    """Optimal play of both seats. Raises ValueError for more than `MOST_TARGET` points."""
    if target > MOST_TARGET:
        raise ValueError(f"Pig to {target} points has too many positions to be solved; {MOST_TARGET} is the most")

    def better(at: Scores, roll: Floats, hold: Floats) -> Floats:
        return np.maximum(roll, hold)

    return values(target, better, better)[0]


def values(target: int, mine: Choice, theirs: Choice) -> tuple[Values, Values]:
    """Of the seat that chooses by `mine`, and of the other.

    Scores only grow, so the positions of one sum of scores are iterated by themselves, the greatest sum first.
    """
    shapes = ((target,) * 3, (target,) * 3, (target,) * 2)
    seats = Values(*map(np.zeros, shapes)), Values(*map(np.zeros, shapes))
    for total in range(2 * target - 2, -1, -1):
        i = np.arange(max(0, total - target + 1), min(total, target - 1) + 1)
        _settle(seats, (i, total - i), (mine, theirs))
    return seats


def _settle(seats: tuple[Values, Values], at: Scores, choices: tuple[Choice, Choice]) -> None:
    """Fill in the values at all scores of one sum; turned round they are the scores as the other seat sees them."""
    (i, j), target = at, len(seats[0].start)
    after = np.add.outer(i, np.arange(target + FACES[-1]))
    wins, held = after >= target, np.minimum(after[:, :target], target - 1)
    now = [wins.astype(float), wins.astype(float)]
    hold = [np.where(wins[:, :target], 1.0, -other.start[j[:, None], held]) for other in reversed(seats)]
    roll = [np.zeros(held.shape), np.zeros(held.shape)]
    for _ in range(MOST_PASSES):
        before = [one[:, :target].copy() for one in now]
        for seat, choose in enumerate(choices):
            passed = hold[seat][:, 0] = -now[1 - seat][::-1, 0]
            reached = sum(now[seat][:, face : face + target] for face in FACES)
            roll[seat] = (reached + passed[:, None]) / 6
            now[seat][:, :target] = np.where(wins[:, :target], 1.0, choose(at, roll[seat], hold[seat]))
        if all(np.abs(one[:, :target] - was).max() < SETTLED for one, was in zip(now, before, strict=True)):
            break
    for seat, found in enumerate(seats):
        found.roll[i, j], found.hold[i, j], found.start[i, j] = roll[seat], hold[seat], now[seat][:, 0]


class BestActions(Mapping[str, tuple[str, ...]]):
    """State key -> the best actions there."""

    def __init__(self, target: int) -> None:
        self._solved, self._target = solve(target), target

    def __getitem__(self, key: str) -> tuple[str, ...]:
        """Raises KeyError for what is no position of the game."""
        return self._solved.best(point_of(key))

    def __iter__(self) -> Iterator[str]:
        raise TypeError("positions of Pig are looked up and not listed")

    def __len__(self) -> int:
        """Where rolling is not the only choice there is."""
        return self._target**2 * (self._target + 1) // 2


def point_of(key: str) -> Point:
    """Of a state key. Raises KeyError for what is none."""
    found = SCORES.match(key)
    if found is None:
        raise KeyError(key)
    first, second, points, mover = map(int, found.groups())
    return (first, second, points) if mover == 0 else (second, first, points)
