"""Do probabilities say how often an answer is right? Figures of `verdicts`, with intervals over questions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.scoreboard.stats import NAN, Estimate, bounded_mean, normal_quantile, score_interval
from sparring.scoreboard.verdicts import Bools, Floats, auroc, calibration_error, null_calibration_error


@dataclass(frozen=True, slots=True)
class Said:
    """How probable it was said to be that an answer is right, and whether it is."""

    question: Hashable
    probability: float
    right: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """How good such probabilities are."""

    brier: Estimate
    """Mean squared distance of probability and outcome; 0 is best."""
    auroc: Estimate
    """The chance that a right answer was held more probable than a wrong one; NaN where all are right, or wrong."""
    calibration_error: float
    """Expected calibration error; it is above 0 also for perfect probabilities: hold it against the band."""
    null_band: tuple[float, float]
    """Where the error of perfectly calibrated probabilities lies on so few answers, 2.5 to 97.5 %.

    The answers are drawn independently of each other.
    """


def calibration(said: Iterable[Said]) -> Calibration | None:
    """All figures; None without answers. Raises ValueError for what is no probability."""
    rows = list(said)
    for row in rows:
        if not 0 <= row.probability <= 1:
            raise ValueError(f"a probability must be within 0..1, got {row.probability} for {row.question!r}")
    if not rows:
        return None
    questions = [row.question for row in rows]
    probabilities_N = np.array([row.probability for row in rows], np.float64)
    right_N = np.array([row.right for row in rows], np.bool_)
    squares = ((probabilities_N - right_N) ** 2).tolist()
    return Calibration(
        bounded_mean(squares, questions, 0.0, 1.0),
        auroc_estimate(probabilities_N, right_N, questions),
        calibration_error(probabilities_N, right_N),
        null_calibration_error(probabilities_N),
    )


def auroc_estimate(
    probabilities_N: Floats, right_N: Bools, questions: Sequence[Hashable], level: float = 0.95
) -> Estimate:
    """The area under the ROC curve with the interval of Obuchowski (Biometrics 53, 1997) for clustered data.

    A right answer's component is the share of wrong ones below it, a wrong one's the share of right ones above it, ties
    counting half. With n1 right and n0 wrong answers, components c, and a question's sum of residuals
    r_g = Σ (c - A)/n1 over its right + Σ (c - A)/n0 over its wrong answers: se² = G/(G-1) Σ r_g². Where all components
    are equal (A is 0 or 1) it is Wilson's of as many trials as the rarer kind of answer has questions.
    """
    z, value = normal_quantile(level), auroc(probabilities_N, right_N)
    if math.isnan(value):
        return Estimate(NAN, 0.0, 1.0, len(right_N), len(set(questions)))
    residuals: dict[Hashable, float] = defaultdict(float)
    for question, residual in zip(questions, _residuals(probabilities_N, right_N, value), strict=True):
        residuals[question] += residual
    groups = len(residuals)
    squares = math.fsum(residual**2 for residual in residuals.values())
    kinds = [{q for q, right in zip(questions, right_N, strict=True) if right == kind} for kind in (True, False)]
    low, high = score_interval(value, min(map(len, kinds)), z)
    if groups > 1 and squares > 1e-18:
        half = z * math.sqrt(groups / (groups - 1) * squares)
        low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, len(right_N), groups)


def _residuals(probabilities_N: Floats, right_N: Bools, value: float) -> list[float]:
    """(component - area) / answers of its kind, [N]: from ranks, so that no pair is looked at."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]  # half a second that only this needs

    overall_N, own_N = rankdata(probabilities_N), np.empty(len(right_N))
    for kind in (True, False):
        own_N[right_N == kind] = rankdata(probabilities_N[right_N == kind])
    positives, negatives = int(right_N.sum()), int((~right_N).sum())
    others_below_N = overall_N - own_N
    component_N = np.where(right_N, others_below_N / negatives, 1 - others_below_N / positives)
    residual_N: list[float] = ((component_N - value) / np.where(right_N, positives, negatives)).tolist()
    return residual_N
