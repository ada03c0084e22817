"""Calibration over questions: against scikit-learn, the components of the curve, and by coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from sparring.scoreboard.calibration import Said, auroc_estimate, calibration
from sparring.scoreboard.verdicts import calibration_error, null_calibration_error

SAID = st.lists(
    st.builds(Said, st.integers(0, 6), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(SAID)
def test_brier_and_auroc_are_those_of_scikit_learn(said):
    found, right = calibration(said), [one.right for one in said]
    probabilities = [one.probability for one in said]
    assert found.brier.value == pytest.approx(brier_score_loss(right, probabilities, labels=[False, True]))
    if all(right) or not any(right):
        assert math.isnan(found.auroc.value)
    else:
        assert found.auroc.value == pytest.approx(roc_auc_score(right, probabilities))
    for estimate in (found.brier, found.auroc):
        assert 0 <= estimate.low < estimate.high <= 1


def test_the_error_stands_beside_its_null_band():
    said = [Said(place, 0.5 if place % 2 else 0.8, place % 3 == 0) for place in range(30)]
    found = calibration(said)
    probabilities = np.array([one.probability for one in said])
    assert found.calibration_error == calibration_error(probabilities, np.array([one.right for one in said]))
    assert found.null_band == null_calibration_error(probabilities)


def test_without_answers_there_is_nothing_and_what_is_no_probability_is_refused():
    assert calibration([]) is None
    with pytest.raises(ValueError, match=r"a probability must be within 0..1, got 1.5 for 'q'"):
        calibration([Said("q", 1.5, True)])


def test_the_spread_of_single_answers_is_that_of_delong():
    """DeLong 1988: the variances of the components of both kinds, each over its number of answers."""
    generator = np.random.default_rng(2)
    right_N = generator.random(60) < 0.5
    scores_N = generator.random(60) + 0.5 * right_N
    scores_N /= scores_N.max()
    found = auroc_estimate(scores_N, right_N, list(range(60)))
    wins = (scores_N[right_N][:, None] > scores_N[~right_N][None, :]).astype(float)
    variance = wins.mean(1).var() / right_N.sum() + wins.mean(0).var() / (~right_N).sum()
    half = 1.959964 * math.sqrt(variance * 60 / 59)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=1e-6)


def test_the_interval_of_auroc_covers_where_answers_of_a_question_are_alike():
    generator, covered, runs = np.random.default_rng(11), 0, 300
    for _ in range(runs):
        shared_Q = generator.normal(size=40).repeat(4)
        right_N = generator.random(160) < 1 / (1 + np.exp(-shared_Q))
        scores_N = 1 / (1 + np.exp(-(right_N + generator.normal(size=40).repeat(4) + generator.normal(size=160))))
        found = auroc_estimate(scores_N, right_N, np.arange(40).repeat(4).tolist())
        covered += found.low <= 0.6915 <= found.high  # Φ(1 / (2 sqrt 1)): difference of two N(., 2) is N(1, 4)
    assert covered / runs > 0.9
