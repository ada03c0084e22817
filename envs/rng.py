"""The random generator of our games: SplitMix64 (Steele, Lea, Flood 2014).

Seeding it costs nothing, where seeding `random.Random` takes longer than a whole game of Kuhn poker does; equal seeds
give equal numbers under every version of Python.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


class Rng:
    """A generator of uniform numbers; without a seed it starts anywhere."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = secrets.randbits(64)

    def __deepcopy__(self, memo: dict[int, object]) -> Rng:
        other = object.__new__(Rng)
        other._state = self._state
        return other

    def seed(self, seed: int) -> None:
        """Start over from a seed, any integer; 64 bits of it count."""
        self._state = seed & MASK

    def bits(self) -> int:
        """64 uniform bits."""
        self._state = state = (self._state + GOLDEN) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        return state ^ (state >> 31)

    def uniform(self) -> float:
        """A number in [0, 1)."""
        self._state = state = (self._state + GOLDEN) & MASK  # `bits`, written out, as below: games draw all the time
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        return ((state ^ (state >> 31)) >> 11) * 2.0**-53

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        self._state = state = (self._state + GOLDEN) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        return low + ((state ^ (state >> 31)) * (high - low + 1) >> 64)

    def integers(self, bounds: Sequence[tuple[int, int]]) -> list[int]:
        """As `integer` for one pair (low, high) after another."""
        state, numbers = self._state, []
        for low, high in bounds:
            state = (state + GOLDEN) & MASK
            mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
            numbers.append(low + ((mixed ^ (mixed >> 31)) * (high - low + 1) >> 64))
        self._state = state
        return numbers
