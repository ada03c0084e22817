"""Ratings of games of two: what they recover, what they agree with, and what they say where data are missing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.scoreboard.ratings.davidson import difference, fit, rank_ranges
from sparring.scoreboard.ratings.games import Games

ELO = 400 / math.log(10)


def rows_of(games: Games, rows: np.ndarray) -> Games:
    columns = (getattr(games, name)[rows] for name in ("first", "second", "score", "cluster", "weight"))
    return Games(games.agents, *columns)


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def test_strengths_seat_and_draws_are_recovered(tournament) -> None:
    strengths = centred(np.random.default_rng(1).normal(0, 200, 20))
    games = tournament(strengths, 100_000, seed=1)
    ratings = fit(games)
    assert (games.score == 0.5).mean() == pytest.approx(0.24, abs=0.02)
    assert math.sqrt(np.mean((ratings.elo - strengths) ** 2)) <= 5
    assert ratings.seat is not None
    assert ratings.seat.low < 60 < ratings.seat.high
    assert ratings.seat.value == pytest.approx(60, abs=5)
    assert ratings.draw == pytest.approx(0.7, abs=0.02)
    assert (ratings.component == 0).all()
    assert ratings.games.sum() == 200_000


def test_without_draws_it_is_the_fit_of_choix(tournament) -> None:
    import choix

    games = tournament([0, 50, 100, -80, 30, 200, 10], 3_000, seed=2, draw=0, seat=0)
    wins = np.zeros((7, 7))
    won = games.score == 1
    np.add.at(wins, (np.where(won, games.first, games.second), np.where(won, games.second, games.first)), 1)
    theirs = choix.ilsr_pairwise_dense(wins, alpha=0, tol=1e-13, max_iter=1_000)
    ratings = fit(games, ridge=0, seat=False)
    assert np.abs(ratings.elo / ELO - centred(theirs)).max() <= 1e-8
    assert ratings.draw == 0


def test_with_draws_it_is_the_fit_of_evalica(tournament) -> None:
    from evalica import Winner, newman

    games = tournament([0, 50, 100, -80, 30, 200, 10], 3_000, seed=3, seat=0)
    names = np.array(games.agents)
    winners = [{1.0: Winner.X, 0.5: Winner.Draw, 0.0: Winner.Y}[score] for score in games.score]
    theirs = newman(names[games.first], names[games.second], winners, tolerance=1e-12, limit=10_000)
    ratings = fit(games, ridge=0, seat=False)
    scores = centred(ELO * np.log([theirs.scores[name] for name in games.agents]))
    assert np.abs(ratings.elo - scores).max() <= 1e-3
    assert ratings.draw == pytest.approx(2 * theirs.v, abs=1e-6)


@given(seed=st.integers(0, 10_000), draw=st.sampled_from([0.0, 0.7]), per_cluster=st.sampled_from([1, 4]))
@settings(max_examples=10)
def test_neither_order_nor_names_nor_counting_in_weights_change_a_rating(tournament, seed, draw, per_cluster) -> None:
    games = tournament([0, 80, -40, 120], 120, seed, draw, games_per_cluster=per_cluster)
    ratings, rng = fit(games), np.random.default_rng(seed)
    shuffled = fit(rows_of(games, rng.permutation(len(games))))
    order = rng.permutation(4)
    place = np.argsort(order)
    renamed = dataclasses.replace(
        games,
        agents=[games.agents[agent] for agent in order],
        first=place[games.first],
        second=place[games.second],
    )
    columns = np.stack([games.first, games.second, games.score, games.cluster], axis=1)
    kept, counts = np.unique(columns, axis=0, return_counts=True)
    seats = kept[:, :2].astype(int).T
    counted = fit(Games(games.agents, *seats, kept[:, 2], kept[:, 3].astype(int), counts.astype(float)))
    for name in ("elo", "low", "high"):
        ours = getattr(ratings, name)
        np.testing.assert_allclose(getattr(shuffled, name), ours, rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(getattr(counted, name), ours, rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(getattr(fit(renamed), name), ours[order], rtol=1e-6, atol=1e-5)


def test_an_undefeated_agent_has_a_finite_rating_and_one_bound(table) -> None:
    games = table(["a", "b"], [("a", "b", 1.0), ("b", "a", 0.0)] * 10)
    ratings = fit(games, ridge=1e-4, seat=False)
    assert ratings.undefeated.tolist() == [True, False]
    assert ratings.winless.tolist() == [False, True]
    assert np.isfinite(ratings.elo).all()
    assert (ratings.high[0], ratings.low[1]) == (math.inf, -math.inf)
    lead = difference(ratings, "a", "b")
    share = 0.05 ** (1 / 20)
    assert lead.high == math.inf
    assert lead.low == pytest.approx(ELO * math.log(share / (1 - share)), abs=3)
    assert 2 * ratings.low[0] == pytest.approx(lead.low, abs=1e-3)


def test_twenty_games_of_one_cluster_bound_an_undefeated_agent_no_better_than_one_game(table) -> None:
    together = table(["a", "b"], [("a", "b", 1.0)] * 20)
    together.cluster[:] = 7
    alone = table(["a", "b"], [("a", "b", 1.0)])
    assert fit(together, ridge=1e-4, seat=False).low[0] == pytest.approx(
        fit(alone, ridge=1e-4, seat=False).low[0], abs=10
    )


def test_a_draw_bounds_both_sides(table) -> None:
    ratings = fit(table(["a", "b"], [("a", "b", 1.0), ("b", "a", 0.0)] * 10 + [("a", "b", 0.5)]))
    assert not ratings.undefeated.any()
    assert np.isfinite([ratings.low, ratings.high]).all()


def test_agents_that_beat_all_of_another_group_are_compared_within_theirs(table) -> None:
    even = [("a", "b", 1.0), ("b", "a", 1.0), ("c", "d", 1.0), ("d", "c", 1.0)] * 10
    ratings = fit(table(["a", "b", "c", "d"], [*even, *[("a", "c", 1.0), ("c", "a", 0.0)] * 5]))
    assert ratings.undefeated.tolist() == [True, True, False, False]
    assert ratings.winless.tolist() == [False, False, True, True]
    assert math.isfinite(difference(ratings, "a", "b").high)
    assert difference(ratings, "b", "d").high == math.inf
    assert difference(ratings, "d", "b").low == -math.inf


def test_boards_that_never_met_are_not_compared(table) -> None:
    games = table(list("abcde"), [("a", "b", 1.0), ("b", "a", 1.0), ("a", "b", 1.0), ("c", "d", 1.0), ("d", "c", 1.0)])
    ratings = fit(games)
    assert ratings.component.tolist() == [0, 0, 1, 1, 2]
    assert [ratings.elo[:2].sum(), ratings.elo[2:4].sum(), ratings.elo[4]] == pytest.approx([0, 0, 0], abs=1e-9)
    assert (ratings.low[4], ratings.high[4]) == (-math.inf, math.inf)
    apart = difference(ratings, "a", "c")
    assert math.isnan(apart.value)
    assert (apart.low, apart.high) == (-math.inf, math.inf)
    assert rank_ranges(ratings) == [(1, 2), (1, 2), (1, 2), (1, 2), (1, 1)]


def test_ranks_are_those_that_the_tests_leave_open(tournament) -> None:
    strong = fit(tournament([400, 400, 0, -400], 4_000, seed=5))
    assert rank_ranges(strong) == [(1, 2), (1, 2), (3, 3), (4, 4)]
    assert rank_ranges(fit(tournament([0, 0, 0, 0], 12, seed=5))) == [(1, 4)] * 4


def test_equal_agents_are_seldom_told_apart(tournament) -> None:
    told = [rank_ranges(fit(tournament([0] * 8, 800, seed))) != [(1, 8)] * 8 for seed in range(100)]
    assert sum(told) <= 11  # of 100 at a level of 5 %: more have a probability of 0.004


def test_a_walk_ties_checkpoints_and_makes_curves_smoother(tournament) -> None:
    curve = np.append(centred(np.cumsum(np.full(30, 15.0))), 0.0)
    games = tournament(curve, 900, seed=6)
    walk = [(one, one + 1, 20.0) for one in range(29)]
    free, tied = fit(games), fit(games, walk=walk)

    def error(elo: np.ndarray) -> float:
        return float(np.sqrt(np.mean((centred(elo[:30]) - curve[:30]) ** 2)))

    assert error(tied.elo) < 0.6 * error(free.elo)
    assert (tied.high - tied.low)[:30].mean() < 0.6 * (free.high - free.low)[:30].mean()
    assert np.mean((tied.low <= curve) & (curve <= tied.high)) >= 0.9


def test_a_walk_connects_boards_and_bounds_agents_that_never_won(table) -> None:
    names, results = (
        ["old", "new", "anchor"],
        [("old", "anchor", 0.0)] * 6 + [("new", "anchor", 1.0), ("anchor", "new", 1.0)],
    )
    ratings = fit(table(names, results), walk=[(0, 1, 50.0)])
    assert not ratings.winless.any()
    assert np.isfinite([ratings.low, ratings.high]).all()
    alone = fit(table(["old", "new"], []), walk=[(0, 1, 50.0)])
    assert alone.component.tolist() == [0, 0]


def test_one_cluster_says_nothing_of_the_spread(table) -> None:
    games = table(["a", "b"], [("a", "b", 1.0), ("b", "a", 1.0), ("a", "b", 0.5)])
    games.cluster[:] = 3
    ratings = fit(games)
    assert (ratings.low[0], ratings.high[0]) == (-math.inf, math.inf)
    assert rank_ranges(ratings) == [(1, 2), (1, 2)]


def test_no_games_and_games_against_oneself_are_no_error(table) -> None:
    empty = fit(table(["a", "b"], []))
    assert empty.elo.tolist() == [0, 0]
    assert empty.component.tolist() == [0, 1]
    mirror = fit(
        table(["a", "b"], [("a", "a", 1.0)] * 30 + [("a", "a", 0.0)] * 10 + [("a", "b", 1.0), ("b", "a", 1.0)])
    )
    assert mirror.seat is not None
    assert mirror.seat.value > 0
    assert mirror.games.tolist() == [42, 2]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ridge": -1.0}, "ridge must be a finite number >= 0, got -1.0"),
        ({"ridge": 0.0}, "ridge must be > 0: some agents won, or lost, every game"),
        ({"walk": [(0, 0, 10.0)]}, "walk must tie two of 2 agents"),
        ({"walk": [(0, 1, 0.0)]}, "walk must tie two of 2 agents"),
    ],
)
def test_what_is_out_of_range_is_said(table, options, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        fit(table(["a", "b"], [("a", "b", 1.0)]), **options)


def test_columns_that_are_no_games_are_refused(table) -> None:
    games = table(["a", "b"], [("a", "b", 1.0)])
    for change, complaint in (
        ({"score": np.array([0.7])}, "score must be 1.0"),
        ({"first": np.array([2])}, "first must index 2 agents, got 2 to 2"),
        ({"cluster": np.array([0, 1])}, "cluster must have one entry for each of 1 games"),
        ({"weight": np.array([math.nan])}, "weight must be a finite number"),
        ({"agents": ["a", "a"]}, "agents must have different names"),
    ):
        with pytest.raises(ValueError, match=complaint):
            dataclasses.replace(games, **change)
    with pytest.raises(ValueError, match="agent must be one of a, b, got 'c'"):
        difference(fit(games), "a", "c")
