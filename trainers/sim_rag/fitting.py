"""Fits a critic: its score on practice, its calibration and its threshold on questions that the score never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

from sparring.agents.retrieval.critic import Case
from sparring.agents.retrieval.trained.calibration import Calibration
from sparring.agents.retrieval.trained.critic import CountingScore, ReadingScore
from sparring.agents.retrieval.trained.features import Vocabulary
from sparring.agents.retrieval.trained.states import Head, states_of
from sparring.agents.retrieval.trained.trees import Trees
from sparring.registry import require

if TYPE_CHECKING:
    from sparring.agents.models.trainable import LocalModel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Method = Literal["isotonic", "temperature"]
TREES, DEPTH, RATE, ROWS_A_LEAF = 300, 4, 0.1, 8
PENALTY = 0.01
"""Inverse strength of the head's quadratic penalty, on states of unit variance."""


def require_both(labels_N: Bools, what: str) -> None:
    """Raises ValueError where all labels are the same: nothing can be learned from them."""
    if not len(labels_N):
        raise ValueError(f"there is no decision point to learn {what} from")
    if labels_N.all() or not labels_N.any():
        said = "sufficient" if labels_N[0] else "not sufficient"
        raise ValueError(
            f"all {len(labels_N)} decision points are labelled {said}: a critic cannot learn {what} from one class. "
            "Choose other labels (--labels), easier or harder questions, or another reader"
        )


def fit_counting(cases: Sequence[Case], labels_N: Bools, seed: int) -> CountingScore:
    """Boosted trees (Friedman 2001) over `features`. Raises ValueError for labels of one class, MissingExtra."""
    require_both(labels_N, "a score")
    ensemble = require("sklearn.ensemble", "retrieval")
    vocabulary = Vocabulary.of(cases)
    features_NF = np.array([vocabulary.features(one) for one in cases])
    trees = ensemble.GradientBoostingClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=RATE,
        min_samples_leaf=ROWS_A_LEAF,
        max_features="sqrt",
        subsample=0.7,
        random_state=seed,
    )
    return CountingScore(vocabulary, Trees.of(trees.fit(features_NF, labels_N)))


def fit_reading(cases: Sequence[Case], labels_N: Bools, model: LocalModel, spec: str) -> ReadingScore:
    """A logistic head on a frozen model's states. Raises ValueError for labels of one class, MissingExtra."""
    require_both(labels_N, "a head")
    linear = require("sklearn.linear_model", "retrieval")
    states_ND = states_of(model, cases)
    mean_D, spread_D = states_ND.mean(0), states_ND.std(0) + 1e-6
    fitted = linear.LogisticRegression(C=PENALTY, max_iter=2_000).fit((states_ND - mean_D) / spread_D, labels_N)
    weights_D = fitted.coef_[0] / spread_D
    return ReadingScore(model, spec, Head(weights_D, float(fitted.intercept_[0] - weights_D @ mean_D)))


def calibrate(log_odds_N: Floats, labels_N: Bools, method: Method = "isotonic") -> Calibration:
    """The temperature, or the steps, that make probabilities true. Raises ValueError for labels of one class.

    Isotonic: least squares among rising functions (Zadrozny and Elkan 2002). Temperature: the likelihood's maximum.
    """
    require_both(labels_N, "a calibration")
    if method == "temperature":

        def surprise(log_temperature: float) -> float:
            z_N = np.where(labels_N, log_odds_N, -log_odds_N) / np.exp(log_temperature)
            return float(np.logaddexp(0.0, -z_N).mean())

        return Calibration(float(np.exp(minimize_scalar(surprise, bounds=(-4.0, 4.0), method="bounded").x)))
    isotonic = require("sklearn.isotonic", "retrieval").IsotonicRegression(y_min=0.0, y_max=1.0)
    fitted = isotonic.fit(log_odds_N, labels_N.astype(float))
    return Calibration(1.0, tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


def split_off(count: int, seed: int) -> tuple[Ints, Ints]:
    """Places of the questions to fit on (four fifths) and to calibrate on: all points of a question are in one part."""
    order = np.random.default_rng(seed).permutation(count)
    return order[: count - count // 5], order[count - count // 5 :]
