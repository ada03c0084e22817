"""Ratings of games of several seats."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparring.scoreboard.ratings import davidson
from sparring.scoreboard.ratings.plackett_luce import Rankings, fit
from sparring.scoreboard.ratings.strengths import difference, rank_ranges

ELO = 400 / math.log(10)


def free_for_all(strengths: np.ndarray, seats: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """[count, seats]: who sat there, and the ranks; the order of strengths plus Gumbel's noise is Plackett-Luce's."""
    rng = np.random.default_rng(seed)
    who = np.array([rng.permutation(len(strengths))[:seats] for _ in range(count)])
    return who, (-(strengths[who] / ELO + rng.gumbel(size=who.shape))).argsort(1).argsort(1)


def rankings_of(n: int, who: np.ndarray, rank: np.ndarray) -> Rankings:
    count, seats = who.shape
    names = [f"agent {number}" for number in range(n)]
    game = np.repeat(np.arange(count), seats)
    return Rankings(names, game, who.ravel(), rank.ravel(), np.arange(count), np.ones(count))


def one_game(agents: list[int], ranks: list[int], times: int = 1) -> Rankings:
    return rankings_of(max(agents) + 1, np.array([agents] * times), np.array([ranks] * times))


def test_strengths_are_recovered_and_agree_with_choix() -> None:
    import choix

    strengths = np.random.default_rng(0).normal(0, 200, 12)
    strengths -= strengths.mean()
    who, rank = free_for_all(strengths, 4, 5_000, seed=1)
    ratings = fit(rankings_of(12, who, rank), ridge=0)
    orders = [list(seated[np.argsort(places)]) for seated, places in zip(who, rank, strict=True)]
    theirs = choix.ilsr_rankings(12, orders, tol=1e-12)
    assert np.abs(ratings.elo / ELO - (theirs - theirs.mean())).max() <= 1e-8
    assert math.sqrt(np.mean((ratings.elo - strengths) ** 2)) < 8
    assert (ratings.games == np.bincount(who.ravel())).all()


def test_intervals_hold_the_truth() -> None:
    strengths = np.array([150.0, 50, 0, -50, -150])
    held = []
    for seed in range(200):
        ratings = fit(rankings_of(5, *free_for_all(strengths, 3, 150, seed)))
        held.append((ratings.low <= strengths) & (strengths <= ratings.high))
    assert 0.92 <= np.mean(held) <= 0.97


def test_two_seats_are_davidson_s_model(tournament) -> None:
    games = tournament([0, 50, 100, -80], 800, seed=4, games_per_cluster=4)
    who, rank = np.stack([games.first, games.second], 1), np.stack([1 - games.score, games.score], 1)
    count = len(games)
    rankings = Rankings(
        games.agents, np.repeat(np.arange(count), 2), who.ravel(), rank.ravel(), games.cluster, games.weight
    )
    ours, theirs = fit(rankings), davidson.fit(games, seat=False)
    for name in ("elo", "low", "high", "covariance", "clusters"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, atol=1e-6)
    assert ours.draw == pytest.approx(theirs.draw)


def test_shared_ranks_are_information() -> None:
    rng = np.random.default_rng(2)
    who = np.array([rng.permutation(4) for _ in range(400)])
    rank = np.where(who == 3, 1, 0) * 2 + np.where(rng.random(who.shape) < 0.1, rng.integers(0, 3, who.shape), 0)
    ratings = fit(rankings_of(4, who, rank))
    assert ratings.draw > 1
    assert ratings.elo[3] < ratings.elo[:3].min() - 200
    assert np.abs(np.diff(ratings.elo[:3])).max() < 150
    assert rank_ranges(ratings) == [(1, 3)] * 3 + [(4, 4)]


def test_order_and_spacing_of_ranks_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    who, rank = np.array([rng.permutation(5)[:4] for _ in range(60)]), rng.integers(0, 3, (60, 4))
    ratings = fit(rankings_of(5, who, rank))
    seats = rng.permutation(4)
    again = fit(rankings_of(5, who[:, seats], (10 * rank - 5)[:, seats]))
    np.testing.assert_allclose(again.elo, ratings.elo, atol=1e-6)


def test_winners_of_all_games_and_tables_that_never_met() -> None:
    ratings = fit(one_game([0, 1, 2], [0, 1, 2], times=8))
    assert ratings.undefeated.tolist() == [True, False, False]
    assert ratings.winless.tolist() == [False, False, True]
    assert difference(ratings, "agent 0", "agent 2").low > 0
    apart = fit(rankings_of(6, np.array([[0, 1, 2], [3, 4, 5]]), np.array([[0, 1, 1], [0, 0, 0]])))
    assert apart.component.tolist() == [0, 0, 0, 1, 1, 1]


def test_what_is_out_of_range_is_said() -> None:
    with pytest.raises(ValueError, match="ties must leave at most 20,000 sets that could share a rank, got 1,048,575"):
        fit(one_game(list(range(20)), [0] * 20))
    with pytest.raises(ValueError, match="agent must be within"):
        Rankings(["a"], np.array([0]), np.array([1]), np.array([0]), np.array([0]), np.ones(1))
    with pytest.raises(ValueError, match="rank must have 1 entries"):
        Rankings(["a"], np.array([0]), np.array([0]), np.array([0, 1]), np.array([0]), np.ones(1))
    with pytest.raises(ValueError, match="ridge must be > 0"):
        fit(one_game([0, 1], [0, 1]), ridge=0)
