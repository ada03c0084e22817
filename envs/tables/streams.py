"""Many generators of our games at once: `Rng`, one for each game, number for number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.two_player import whole_seed
from sparring.envs.rng import GOLDEN, MASK

Places = NDArray[np.intp]


class Streams:
    """A stream of uniform numbers for every game; without a seed it starts anywhere."""

    def __init__(self, num_games: int) -> None:
        self._state = np.random.default_rng().integers(0, MASK, num_games, np.uint64, endpoint=True)

    def seed(self, places: Places, seeds: Sequence[int | None]) -> None:
        """Start the streams of these games over, each from its seed; one of None goes on."""
        given = {place: whole_seed(seed) & MASK for place, seed in zip(places, seeds, strict=True) if seed is not None}
        self._state[list(given)] = np.array(list(given.values()), np.uint64)

    def uniform(self, places: Places) -> NDArray[np.float64]:
        """A number in [0, 1) for each of these games, which must differ."""
        state = self._state[places] + np.uint64(GOLDEN)
        self._state[places] = state
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
