"""Tournaments of known strengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sparring.scoreboard.ratings.games import Games


def play(
    strengths: Sequence[float], count: int, seed: int, draw: float = 0.7, seat: float = 60.0,
    games_per_cluster: int = 1, luck: float = 0.0,
) -> Games:  # fmt: skip
    """Random pairs, which swap seats within a cluster. `strengths`, `seat`, `luck` (of a side in a cluster): Elo."""
    rng, n, clusters = np.random.default_rng(seed), len(strengths), count // games_per_cluster
    one = rng.integers(0, n, clusters)
    pairs = np.stack([one, (one + rng.integers(1, n, clusters)) % n], axis=1)
    strength = np.asarray(strengths)[pairs] + luck * rng.normal(size=pairs.shape)
    cluster = np.repeat(np.arange(clusters), games_per_cluster)
    swapped = (np.arange(count) % games_per_cluster) % 2
    lead = (strength[cluster, swapped] - strength[cluster, 1 - swapped] + seat) * np.log(10) / 400
    weights = np.stack([np.exp(lead / 2), np.full(count, draw), np.exp(-lead / 2)])
    ends = np.cumsum(weights / weights.sum(axis=0), axis=0)
    score = 1 - (rng.random(count) > ends[:2]).sum(axis=0) / 2
    names = [f"agent {number}" for number in range(n)]
    return Games(names, pairs[cluster, swapped], pairs[cluster, 1 - swapped], score, cluster, np.ones(count))


def tabulate(names: Sequence[str], results: Sequence[tuple[str, str, float]]) -> Games:
    """Independent games, each (first, second, score)."""
    first, second = (np.array([names.index(row[seat]) for row in results], np.int64) for seat in (0, 1))
    score = np.array([row[2] for row in results], np.float64)
    return Games(names, first, second, score, np.arange(len(results)), np.ones(len(results)))


@pytest.fixture(scope="session")
def tournament() -> Callable[..., Games]:
    return play


@pytest.fixture(scope="session")
def table() -> Callable[..., Games]:
    return tabulate
