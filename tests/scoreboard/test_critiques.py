"""Critiques against scikit-learn, and the rule for those that cannot be read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from sparring.scoreboard.critiques import Judged, critique_quality

JUDGED = st.lists(st.builds(Judged, st.integers(0, 6), st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(JUDGED)
def test_precision_recall_and_f1_are_those_of_scikit_learn_with_wrong_as_positive(judged):
    wrong, held = [not one.right for one in judged], [not one.said_right for one in judged]
    found = critique_quality(judged)
    for estimate, score in ((found.precision, precision_score), (found.recall, recall_score), (found.f1, f1_score)):
        expected = score(wrong, held, zero_division=math.nan)
        assert estimate.value == pytest.approx(expected, nan_ok=True)
        assert 0 <= estimate.low < estimate.high <= 1


def test_the_table_that_was_worked_out_by_hand():
    rows = [(False, False), (False, True), (True, False), (True, True), (False, False)]
    found = critique_quality([Judged(place, right, said) for place, (right, said) in enumerate(rows)])
    # wrong 3, of which 2 found; held wrong 3
    assert (found.recall.value, found.precision.value, found.f1.value) == pytest.approx((2 / 3, 2 / 3, 4 / 6))
    assert found.accuracy.value == pytest.approx(3 / 5)


@pytest.mark.parametrize("right", [True, False])
def test_a_critique_that_cannot_be_read_is_an_error_whatever_the_truth(right):
    found = critique_quality([Judged("q", right, None), Judged("r", False, False)])
    assert found.accuracy.value == 0.5
    assert (found.precision.value, found.recall.value) == ((0.5, 1.0) if right else (1.0, 0.5))
