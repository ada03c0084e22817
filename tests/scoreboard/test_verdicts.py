"""The critic's figures against scikit-learn, numbers worked out by hand, and what holds for every stop rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score

from sparring.scoreboard.verdicts import (
    Paths,
    auroc,
    best_fixed,
    best_surrender,
    best_threshold,
    brier,
    calibration_error,
    first_crossing,
    gives_up,
    null_calibration_error,
    oracle,
    quality,
    reliability,
    stopping,
)

SAID = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40)


def arrays(pairs):
    return np.array([p for p, _ in pairs]), np.array([label for _, label in pairs])


@given(SAID)
def test_auroc_and_brier_are_those_of_scikit_learn(pairs):
    probabilities, labels = arrays(pairs)
    assert brier(probabilities, labels) == pytest.approx(brier_score_loss(labels, probabilities, labels=[False, True]))
    if labels.all() or not labels.any():
        assert np.isnan(auroc(probabilities, labels))
    else:
        assert auroc(probabilities, labels) == pytest.approx(roc_auc_score(labels, probabilities))


@given(SAID)
def test_the_reliability_diagram_is_that_of_scikit_learn(pairs):
    probabilities, labels = arrays(pairs)
    shares, means = calibration_curve(labels, probabilities, n_bins=5, pos_label=True)
    bins = reliability(probabilities, labels, bins=5)
    if not set(probabilities) & {0.1, 0.25, 0.5, 0.9}:  # values within bins: both agree on which bin
        assert [one.said for one in bins] == pytest.approx(means)
        assert [one.was.value for one in bins] == pytest.approx(shares)
    assert sum(one.was.n for one in bins) == len(pairs)


def test_the_calibration_error_is_what_the_formula_says():
    probabilities = np.array([0.1, 0.1, 0.9, 0.9])
    labels = np.array([False, True, True, True])
    # bin of 0.1: share 1/2, said 0.1, weight 1/2; bin of 0.9: share 1, said 0.9, weight 1/2
    assert calibration_error(probabilities, labels) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)


def test_a_calibrated_critic_lies_in_its_null_band_and_an_overconfident_one_does_not():
    generator = np.random.default_rng(0)
    probabilities = generator.random(600)
    labels = generator.random(600) < probabilities
    low, high = null_calibration_error(probabilities)
    assert low < calibration_error(probabilities, labels) < high
    bold = np.where(probabilities > 0.5, 0.99, 0.01)
    assert calibration_error(bold, labels) > null_calibration_error(bold)[1]


def test_no_points_have_no_quality():
    with pytest.raises(ValueError, match="at least one decision point"):
        quality(np.array([]), np.array([], bool))


SUFFICIENT = np.array([[False, True, True], [False, False, True], [False, False, False], [False, False, False]])
CORRECT = np.array([[False, True, False], [True, False, True], [False, False, False], [False, False, False]])
ANSWERABLE = np.array([True, True, True, False])
PATHS = Paths(SUFFICIENT, CORRECT, ANSWERABLE)


def test_every_fault_of_a_stop_rule_is_told_apart():
    stops = np.array([2, 0, 1, 2])  # misread and one search too many; lucky guess; premature; gives up rightly
    gave_up = np.array([False, False, False, True])
    found = stopping(PATHS, stops, 0.1, gave_up)
    assert found.right.value == 0.5  # the lucky guess and the surrender
    assert found.reward.value == pytest.approx((-0.2 + 1.0 - 0.1 + (1 - 0.2)) / 4)
    assert found.rounds.value == 1.25
    assert (found.over_search.value, found.misread.value, found.lucky.value) == (0.25, 0.25, 0.25)
    assert (found.premature.value, found.gave_up.value) == (0.5, 0.25)


def test_the_critic_stops_at_the_first_crossing_and_else_at_the_end():
    probabilities = np.array([[0.1, 0.8, 0.3], [0.1, 0.2, 0.3], [0.9, 0.0, 0.0]])
    assert first_crossing(probabilities, 0.8).tolist() == [1, 2, 0]
    assert gives_up(probabilities, 0.8, 0.4).tolist() == [False, True, False]


@given(st.integers(0, 1_000))
def test_no_stop_rule_earns_more_than_the_oracle_where_answers_are_right_iff_sufficient(seed):
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 6, 30)
    sufficient = np.arange(5)[None, :] >= first[:, None]
    paths = Paths(sufficient, sufficient, np.ones(30, bool))
    best = stopping(paths, oracle(paths), 0.05).right.value
    stops = first_crossing(generator.random((30, 5)), 0.5)
    assert stopping(paths, stops, 0.05).right.value <= best


def test_the_threshold_and_the_fixed_rule_are_those_that_earn_most():
    generator = np.random.default_rng(1)
    first = generator.integers(0, 5, 200)
    sufficient = np.arange(6)[None, :] >= first[:, None]
    paths = Paths(sufficient, sufficient, np.ones(200, bool))
    probabilities = np.clip(np.where(sufficient, 0.8, 0.35) + generator.normal(0, 0.15, sufficient.shape), 0, 1)

    def reward(stops):
        return stopping(paths, stops, 0.05).reward.value

    chosen = best_threshold(paths, probabilities, 0.05)
    assert all(
        reward(first_crossing(probabilities, chosen)) >= reward(first_crossing(probabilities, other)) - 1e-12
        for other in np.linspace(0.01, 0.99, 99)
    )
    fixed = [reward(np.full(200, rounds)) for rounds in range(6)]
    assert best_fixed(paths, 0.05) == int(np.argmax(fixed))
    assert chosen > 0.5, "several looks: one half accepts too early"


def test_surrender_is_chosen_where_answers_at_the_end_are_mostly_wrong():
    probabilities = np.array([[0.1, 0.6], [0.1, 0.05], [0.1, 0.04], [0.1, 0.95]])
    never = np.zeros((4, 2), bool)
    correct = np.array([[False, True], [False, False], [False, False], [False, True]])
    paths = Paths(never, correct, np.array([True, False, False, True]))
    surrender = best_surrender(paths, probabilities, threshold=0.9)
    assert gives_up(probabilities, 0.9, surrender).tolist() == [False, True, True, False]
    answerable = Paths(never, correct, np.ones(4, bool))
    assert best_surrender(answerable, probabilities, threshold=0.9) == 0.0
