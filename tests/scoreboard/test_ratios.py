"""Ratios over questions: against independent formulas, and by their coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.scoreboard.ratios import bounded_ratio, cost_per_success
from sparring.scoreboard.stats import bounded_mean, wilson

PIECES = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1), st.sampled_from([0.0, 0.25, 1.0, 3.0])), max_size=30)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_equal_wholes_give_the_interval_of_a_bounded_mean(rows):
    size = {question: sum(q == question for q, _ in rows) for question, _ in rows}
    ratio = bounded_ratio((q, hit / size[q], 1 / size[q]) for q, hit in rows)
    means = {question: np.mean([hit for q, hit in rows if q == question]) for question in size}
    mean = bounded_mean(list(means.values()), list(means), 0, 1)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((mean.value, mean.low, mean.high))
    assert (ratio.n, ratio.clusters) == (len(rows), len(size))


@given(PIECES)
def test_an_interval_lies_within_the_range_holds_its_value_and_has_a_width(rows):
    ratio = bounded_ratio((question, share * whole, whole) for question, share, whole in rows)
    assert 0 <= ratio.low < ratio.high <= 1
    if ratio.n:
        assert ratio.low - 1e-9 <= ratio.value <= ratio.high + 1e-9
        assert ratio.value == pytest.approx(
            sum(share * whole for _, share, whole in rows) / sum(whole for _, _, whole in rows)
        )
    else:
        assert math.isnan(ratio.value)


def test_none_of_many_is_wilsons_interval_of_the_effective_number_of_questions():
    ratio = bounded_ratio([("a", 0, 1), ("b", 0, 1), ("c", 0, 2)])
    low, high = wilson(0, 3).low, wilson(0, 2).high
    assert ratio.value == ratio.low == low == 0
    assert wilson(0, 3).high < ratio.high < high  # (1 + 1 + 2)² / (1 + 1 + 4) = 2.67 questions


def test_a_part_that_is_no_part_is_refused():
    with pytest.raises(ValueError, match=r"a part must be within 0..whole, got 2 of 1"):
        bounded_ratio([("a", 2, 1)])


def test_a_ratio_covers_its_true_value_where_questions_have_few_and_unequal_samples():
    generator, covered, runs = np.random.default_rng(5), 0, 600
    for _ in range(runs):
        right_Q = generator.beta(1, 2, 25)
        before_QK = generator.random((25, 4)) < right_Q[:, None]
        after_QK = generator.random((25, 4)) < (0.4 + 0.6 * right_Q)[:, None]
        both_QK = before_QK & after_QK
        ratio = bounded_ratio((q, both_QK[q, k], before_QK[q, k]) for q in range(25) for k in range(4))
        # E[p (0.4 + 0.6 p)] / E[p] with p of Beta(1, 2): E[p] = 1/3, E[p²] = 1/6
        covered += ratio.low <= (0.4 / 3 + 0.6 / 6) / (1 / 3) <= ratio.high
    assert covered / runs > 0.93


def test_what_a_success_costs_counts_the_failures_too():
    attempts = [(q, 20.0 + q, k == 0) for q in range(20) for k in range(2)]
    found = cost_per_success(attempts)
    assert found.value == 2 * (20 + 9.5)
    assert 20 < found.low < found.value < found.high < math.inf
    assert (found.n, found.clusters) == (40, 20)


def test_where_nothing_succeeds_a_success_costs_infinitely_much_and_at_least_something():
    found = cost_per_success([(q, 10.0 + q, False) for q in range(8)])
    assert found.value == found.high == math.inf
    assert 0 < found.low < math.inf
    assert math.isnan(cost_per_success([]).value)


def test_equal_costs_of_attempts_that_all_succeed_still_leave_a_width():
    found = cost_per_success([(q, 10.0, True) for q in range(8)])
    assert found.low == found.value == 10 < found.high


def test_the_cost_of_a_success_covers_its_true_value():
    generator, covered, runs = np.random.default_rng(7), 0, 400
    for _ in range(runs):
        right_Q = generator.beta(2, 2, 30)
        hit_QK = generator.random((30, 3)) < right_Q[:, None]
        cost_QK = generator.poisson(20, (30, 3)) + 10 * ~hit_QK
        found = cost_per_success((q, float(cost_QK[q, k]), bool(hit_QK[q, k])) for q in range(30) for k in range(3))
        covered += found.low <= (20 + 10 * 0.5) / 0.5 <= found.high
    assert covered / runs > 0.95


def test_a_cost_below_nothing_is_refused():
    with pytest.raises(ValueError, match="a cost must be >= 0, got -1"):
        cost_per_success([("a", -1, True)])
