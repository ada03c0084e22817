"""Nash averaging and alpha-rank of who beats whom."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.scoreboard.ratings.game_theory import alpha_rank, nash_averaging, payoff_matrix, resample

CYCLE = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
"""Rock, paper, scissors."""


def antisymmetric(entries: np.ndarray) -> np.ndarray:
    return np.triu(entries, 1) - np.triu(entries, 1).T


def with_a_copy_and_a_loser() -> np.ndarray:
    """Rock, rock, paper, scissors, and one that loses to all."""
    kinds = [0, 0, 1, 2]
    payoffs = np.zeros((5, 5))
    payoffs[:4, :4] = CYCLE[np.ix_(kinds, kinds)]
    payoffs[:4, 4], payoffs[4, :4] = 1, -1
    return payoffs


def test_copies_share_the_mass_of_nash_and_change_no_skill() -> None:
    assert nash_averaging(CYCLE) == pytest.approx([1 / 3] * 3)
    payoffs = with_a_copy_and_a_loser()
    mass = nash_averaging(payoffs)
    assert mass == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3, 0], abs=1e-8)
    assert payoffs @ mass == pytest.approx([0, 0, 0, 0, -1], abs=1e-8)


def test_one_that_beats_all_has_all_mass_and_equals_share_it() -> None:
    assert nash_averaging(antisymmetric(np.ones((4, 4)))) == pytest.approx([1, 0, 0, 0], abs=1e-9)
    assert nash_averaging(np.zeros((4, 4))) == pytest.approx([0.25] * 4)
    assert nash_averaging(np.zeros((1, 1))) == pytest.approx([1])


@given(size=st.integers(1, 9), seed=st.integers(0, 10_000), coarse=st.booleans(), scale=st.sampled_from([1e-6, 1.0]))
def test_nash_is_an_equilibrium_and_no_other_has_more_entropy(size, seed, coarse, scale) -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    payoffs = scale * antisymmetric(
        rng.integers(-1, 2, (size, size)).astype(float) if coarse else rng.uniform(-1, 1, (size, size))
    )
    mass = nash_averaging(payoffs)
    assert mass.sum() == pytest.approx(1)
    assert (payoffs @ mass).max() <= 1e-7 * scale
    steepest = linprog(
        np.log(np.maximum(mass, 1e-12)),
        A_ub=payoffs / scale,
        b_ub=np.full(size, 1e-9),
        A_eq=np.ones((1, size)),
        b_eq=[1.0],
    )
    assert steepest.fun >= mass @ np.log(np.maximum(mass, 1e-12)) - 1e-5


@pytest.mark.parametrize("alpha", [0.5, 5.0, 100.0, math.inf])
@pytest.mark.parametrize("size", [2, 3, 12])
def test_alpha_rank_is_open_spiel_s(alpha, size) -> None:
    from open_spiel.python.egt import alpharank

    payoffs = antisymmetric(np.random.default_rng(size).uniform(-1, 1, (size, size)))
    payoffs[0, 1] = payoffs[1, 0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = alpharank.compute([payoffs], m=50, alpha=min(alpha, 1e6), use_inf_alpha=math.isinf(alpha))[2]
    assert alpha_rank(payoffs, alpha) == pytest.approx(theirs, abs=1e-10)


def test_alpha_rank_of_large_gains_does_not_overflow() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert alpha_rank(antisymmetric(np.ones((3, 3))), alpha=1e4) == pytest.approx([1, 0, 0])
    assert alpha_rank(np.zeros((1, 1))) == pytest.approx([1])


def test_payoffs_are_means_over_both_seats(table) -> None:
    games = table(
        ["a", "b", "c"], [("a", "b", 1.0), ("b", "a", 0.0), ("a", "b", 0.5), ("b", "a", 1.0), ("c", "c", 1.0)]
    )
    assert payoff_matrix(games).tolist() == [[0, 0.25, 0], [-0.25, 0, 0], [0, 0, 0]]


def test_more_games_make_narrower_intervals_of_mass(tournament) -> None:
    few, many = (resample(tournament([200, 0, 0], count, seed=1), nash_averaging, draws=100) for count in (20, 2_000))
    assert many.mass[0] == pytest.approx(1)
    assert (many.high - many.low).max() < 0.05
    assert (few.high - few.low).max() > 0.3
    assert (few.low <= few.mass).all()
    assert (few.mass <= few.high).all()


def test_games_of_one_cluster_are_one_piece_of_evidence(tournament) -> None:
    games = tournament([60, 0, 0], 600, seed=2, games_per_cluster=20, luck=300.0)
    together = resample(games, alpha_rank, draws=100)
    apart = tournament([60, 0, 0], 600, seed=2, games_per_cluster=20, luck=300.0)
    apart.cluster[:] = np.arange(600)
    alone = resample(apart, alpha_rank, draws=100)
    assert (together.high - together.low).sum() > 1.3 * (alone.high - alone.low).sum()


def test_agents_that_agree_in_all_games_still_have_an_interval(table) -> None:
    masses = resample(table(["a", "b"], [("a", "b", 1.0)] * 2), alpha_rank)
    assert masses.mass[0] == pytest.approx(0.99)
    assert masses.low[0] < 0.9
    assert resample(table(["a", "b"], [("a", "b", 1.0)] * 2), alpha_rank).low.tolist() == masses.low.tolist()


def test_what_is_out_of_range_is_said() -> None:
    with pytest.raises(ValueError, match="payoffs must be an antisymmetric matrix"):
        nash_averaging(np.ones((2, 2)))
    with pytest.raises(ValueError, match="alpha must be > 0 and population > 1, got 0 and 50"):
        alpha_rank(CYCLE, alpha=0)
