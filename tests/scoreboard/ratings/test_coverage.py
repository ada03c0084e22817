"""95 % intervals hold what they promise when games depend on each other, and would not if that were ignored."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.scoreboard.ratings.davidson import fit

STRENGTHS = np.random.default_rng(7).normal(0, 200, 10)
STRENGTHS -= STRENGTHS.mean()
REPLICATIONS = 300


def coverage(tournament, games_per_cluster: int, luck: float, clustered: bool = True) -> float:
    """The share of 3,000 intervals, ten a tournament of 2,000 games, that hold the truth.

    Luck that no model sees shrinks the scale; the truth is then what a fit of 250,000 clusters says.
    """
    how = {"draw": 0.55, "games_per_cluster": games_per_cluster, "luck": luck}
    truth = STRENGTHS
    if luck:
        truth = fit(tournament(STRENGTHS, 500_000, seed=1, **how | {"games_per_cluster": 2})).elo
    held = []
    for seed in range(REPLICATIONS):
        ratings = fit(tournament(STRENGTHS, 2_000, seed, **how), clustered=clustered)
        held.append((ratings.low <= truth) & (truth <= ratings.high))
    return float(np.mean(held))


@pytest.mark.parametrize(("games_per_cluster", "luck"), [(1, 0.0), (4, 150.0), (10, 300.0)])
def test_intervals_hold_the_truth_in_95_of_100_tournaments(tournament, games_per_cluster, luck) -> None:
    assert 0.92 <= coverage(tournament, games_per_cluster, luck) <= 0.97


def test_intervals_that_ignore_clusters_are_too_narrow(tournament) -> None:
    assert coverage(tournament, 10, 300.0, clustered=False) < 0.8
