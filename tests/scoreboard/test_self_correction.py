"""CL, CS and RSS: a table worked out by hand, an independent count, identities, coverage."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.scoreboard.self_correction import Pair, by_question, counted, of_probabilities

PAIRS = st.lists(st.builds(Pair, st.integers(0, 6), st.booleans(), st.booleans()), min_size=1, max_size=40)
TABLE = [
    *(("q1", 1, 1), ("q1", 1, 1), ("q1", 1, 0), ("q1", 0, 1)),
    *(("q2", 0, 0), ("q2", 0, 0)),
    *(("q3", 1, 1), ("q3", 0, 1), ("q3", 0, 0), ("q3", 0, 0)),
]
"""(question, right before, right after)."""
PAIRS_OF_TABLE = [Pair(question, bool(before), bool(after)) for question, before, after in TABLE]


def test_the_table_that_was_worked_out_by_hand():
    found = by_question(PAIRS_OF_TABLE)
    # P(a) = 3/4, 0, 1/4; P(a) P(b|a) = 2/4, 0, 1/4; P(¬a) P(b|¬a) = 1/4, 0, 1/4
    assert found.acc1.value == pytest.approx(1 / 3)
    assert found.cl.value == pytest.approx((2 / 4 + 1 / 4) / 1)
    assert found.cs.value == pytest.approx((1 / 4 + 1 / 4) / (1 / 4 + 1 + 3 / 4))
    assert found.acc2.value == pytest.approx((3 / 4 + 0 + 2 / 4) / 3)
    # low = 1/9, upp = 2/3 - 1/9 = 5/9
    assert found.rss.value == pytest.approx((5 / 12 - 1 / 9) / (5 / 9 - 1 / 9))


def test_counting_samples_weighs_questions_by_their_samples():
    found = counted(PAIRS_OF_TABLE)
    assert found.cl.value == pytest.approx(3 / 4)
    assert found.cs.value == pytest.approx(2 / 6)
    assert (found.acc1.value, found.acc2.value) == pytest.approx((4 / 10, 5 / 10))


@given(PAIRS)
def test_accuracy_after_is_what_the_identity_says(pairs):
    for found in (by_question(pairs), counted(pairs)):
        acc1 = found.acc1.value
        kept = acc1 * found.cl.value if acc1 > 0 else 0
        mended = (1 - acc1) * found.cs.value if acc1 < 1 else 0
        assert found.acc2.value == pytest.approx(kept + mended)


@given(PAIRS)
def test_the_figures_of_probabilities_are_those_of_the_shares_they_come_from(pairs):
    questions = sorted({pair.question for pair in pairs})
    shares = []
    for question in questions:
        mine = [pair for pair in pairs if pair.question == question]
        right = [pair.after for pair in mine if pair.before]
        wrong = [pair.after for pair in mine if not pair.before]
        before = len(right) / len(mine)
        shares.append((before, *(sum(one) / len(one) if one else math.nan for one in (right, wrong))))
    found, expected = of_probabilities(*zip(*shares, strict=True)), by_question(pairs)
    for field in fields(found):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high), nan_ok=True)


@given(PAIRS)
def test_no_interval_has_zero_width_and_each_holds_its_value(pairs):
    for found in (by_question(pairs), counted(pairs)):
        for estimate in (getattr(found, field.name) for field in fields(found)):
            assert estimate.low < estimate.high
            assert math.isfinite(estimate.low)
            assert math.isfinite(estimate.high)
            assert math.isnan(estimate.value) or estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9


def test_at_the_bounds_the_score_is_0_and_1():
    low = of_probabilities([0.4], [0.4], [0.0])  # kept as often as one is right anyway, none mended
    upp = of_probabilities([0.4], [1.0], [0.4])  # all kept, mended as often as one is right anyway
    assert (low.rss.value, upp.rss.value) == pytest.approx((0, 1))
    assert low.acc2.value == pytest.approx(0.4**2)
    assert upp.acc2.value == pytest.approx(2 * 0.4 - 0.4**2)


def test_what_is_not_defined_is_nan_and_has_an_interval_that_says_little():
    found = by_question([Pair(q, True, True) for q in range(5)])
    assert math.isnan(found.cs.value)
    assert math.isnan(found.rss.value)
    assert (found.cs.low, found.cs.high, found.cs.n) == (0, 1, 0)
    assert found.cl.value == 1
    assert found.cl.low < 0.6
    assert found.rss.high - found.rss.low > 1


def test_no_pairs_give_no_figure():
    found = by_question([])
    assert all(math.isnan(getattr(found, field.name).value) for field in fields(found))
    assert found.rss.n == 0


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"a probability must be within 0..1, got 1.5 for question 0"):
        of_probabilities([1.5], [0.5], [0.5])
    with pytest.raises(ValueError, match=r"got nan for question 1"):
        of_probabilities([0.5, 0.5], [0.5, math.nan], [0.5, 0.5])


def test_the_interval_of_rss_covers_its_true_value():
    generator, covered, runs = np.random.default_rng(3), 0, 400
    draws_Q = np.random.default_rng(1).beta(2, 2, 200_000)
    acc1, acc2 = draws_Q.mean(), (draws_Q * 0.8 + (1 - draws_Q) * 0.3).mean()
    truth = (acc2 - acc1**2) / (2 * acc1 * (1 - acc1))
    for _ in range(runs):
        right_Q = generator.beta(2, 2, 30)
        before_QK = generator.random((30, 3)) < right_Q[:, None]
        after_QK = generator.random((30, 3)) < np.where(before_QK, 0.8, 0.3)
        pairs = [Pair(q, bool(before_QK[q, k]), bool(after_QK[q, k])) for q in range(30) for k in range(3)]
        rss = by_question(pairs).rss
        covered += rss.low <= truth <= rss.high
    assert covered / runs > 0.93
