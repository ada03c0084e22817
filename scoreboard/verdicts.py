"""How good a critic is: does its probability rank, is it calibrated, and what does stopping by it earn?

A critic says at every decision point how probable it is that what was found suffices (SIM-RAG, arXiv 2505.02811, has a
verdict of 0 or 1). Plain accuracy says little: most points of a search are insufficient, so "never sufficient" is often
right. Shapes: Q questions, R decision points of each (0 is before the first search), N points in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.stats import Estimate, clustered_mean, rate, wilson

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
BINS = 15
"""Of equal width, as in Guo et al. 2017 (arXiv 1706.04599)."""
NULL_DRAWS = 1_000


def auroc(probabilities_N: Floats, labels_N: Bools) -> float:
    """The chance that a sufficient point is ranked above an insufficient one, ties counting half (Mann-Whitney).

    nan where all labels are equal.
    """
    positives = int(labels_N.sum())
    negatives = len(labels_N) - positives
    if not positives or not negatives:
        return float("nan")
    from scipy.stats import rankdata  # type: ignore[import-untyped]  # half a second that only this needs

    ranks_N = rankdata(probabilities_N)
    return float((ranks_N[labels_N].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def brier(probabilities_N: Floats, labels_N: Bools) -> float:
    """Mean squared distance between probability and outcome (Brier 1950); 0 is best, .25 is "one half" always."""
    return float(np.mean((probabilities_N - labels_N) ** 2))


def calibration_error(probabilities_N: Floats, labels_N: Bools, bins: int = BINS) -> float:
    """Expected calibration error: Σ_b n_b/N · |share of sufficient - mean probability| (Guo et al. 2017, eq. 5)."""
    places_N = _bin_of(probabilities_N, bins)
    gaps = np.bincount(places_N, weights=labels_N - probabilities_N, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels_N))


def null_calibration_error(probabilities_N: Floats, seed: int = 0, bins: int = BINS) -> tuple[float, float]:
    """What the calibration error of a perfectly calibrated critic would be on so few points: its 2.5 and 97.5 %.

    Labels are drawn from the probabilities themselves, `NULL_DRAWS` times.
    """
    generator = np.random.default_rng(seed)
    drawn = [
        calibration_error(probabilities_N, generator.random(len(probabilities_N)) < probabilities_N, bins)
        for _ in range(NULL_DRAWS)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Points of like probability: what was said, and what was so."""

    said: float
    """Mean probability."""
    was: Estimate
    """Share of sufficient points, with Wilson's interval."""


def reliability(probabilities_N: Floats, labels_N: Bools, bins: int = 10) -> list[ReliabilityBin]:
    """The reliability diagram: bins of equal width that hold a point, from 0 to 1."""
    places_N = _bin_of(probabilities_N, bins)
    return [
        ReliabilityBin(float(probabilities_N[mine].mean()), wilson(int(labels_N[mine].sum()), int(mine.sum())))
        for mine in (places_N == place for place in range(bins))
        if mine.any()
    ]


def _bin_of(probabilities_N: Floats, bins: int) -> Ints:
    return np.minimum((probabilities_N * bins).astype(np.int64), bins - 1)


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the probabilities are."""

    n: int
    base_rate: float
    accuracy: float
    """At one half."""
    auroc: float
    brier: float
    calibration_error: float
    null_band: tuple[float, float]


def quality(probabilities_N: Floats, labels_N: Bools) -> Quality:
    """All of it. Raises ValueError without points."""
    if not len(labels_N):
        raise ValueError("a critic is measured on at least one decision point, got none")
    return Quality(
        len(labels_N),
        float(labels_N.mean()),
        float(np.mean((probabilities_N >= 0.5) == labels_N)),
        auroc(probabilities_N, labels_N),
        brier(probabilities_N, labels_N),
        calibration_error(probabilities_N, labels_N),
        null_calibration_error(probabilities_N),
    )


@dataclass(frozen=True, slots=True)
class Paths:
    """Searches that were all run to the end: at each decision point, would stopping there have been right?"""

    sufficient_QR: Bools
    correct_QR: Bools
    """Whether the answer that the reader had at that point is right."""
    answerable_Q: Bools
    """Where False, giving up is right, and no answer is."""

    def __len__(self) -> int:
        return len(self.answerable_Q)

    @property
    def last(self) -> int:
        """The last decision point: so many searches were made."""
        return int(self.sufficient_QR.shape[1]) - 1


def first_crossing(probabilities_QR: Floats, threshold: float) -> Ints:
    """Where a critic stops: the first point whose probability reaches the threshold, else the last. [Q]"""
    accepted_QR = probabilities_QR >= threshold
    last = probabilities_QR.shape[1] - 1
    return np.asarray(np.where(accepted_QR.any(1), accepted_QR.argmax(1), last), np.int64)


def gives_up(probabilities_QR: Floats, threshold: float, surrender: float) -> Bools:
    """Where a critic never accepted, and holds the answer at the end for less probable than `surrender`. [Q]"""
    return ~(probabilities_QR >= threshold).any(1) & (probabilities_QR[:, -1] < surrender)


@dataclass(frozen=True, slots=True)
class Stopping:
    """What a stop rule earned. The four faults are told apart exactly, because sufficiency is known."""

    reward: Estimate = field(metadata={"called": "Reward"})
    """Right - cost · rounds."""
    right: Estimate = field(metadata={"called": "Right"})
    """Share of questions with a right answer, or given up where nothing could be found."""
    rounds: Estimate = field(metadata={"called": "Rounds"})
    over_search: Estimate = field(metadata={"called": "Searches too many"})
    """Searches after the passages already sufficed, a question."""
    premature: Estimate = field(metadata={"called": "Stopped too early"})
    """Share stopped, before the last point, while the passages did not suffice."""
    lucky: Estimate = field(metadata={"called": "Lucky guesses"})
    """Share answered rightly although the passages did not suffice."""
    misread: Estimate = field(metadata={"called": "Misread"})
    """Share answered wrongly although the passages sufficed."""
    gave_up: Estimate = field(metadata={"called": "Gave up"})

    def items(self) -> Iterator[tuple[str, Estimate]]:
        """Every figure with its name."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))


FIGURES = {one.name: str(one.metadata["called"]) for one in fields(Stopping)}
"""What people call the figures of a `Stopping`, in order."""


def stopping(
    paths: Paths, stops_Q: Ints, round_cost: float, gave_up_Q: Bools | None = None, tasks: list[str] | None = None
) -> Stopping:
    """What stopping at `stops_Q` earns, by question; `tasks` names questions that occur again (several seeds)."""
    rows = np.arange(len(paths))
    gave_up_Q = np.zeros(len(paths), bool) if gave_up_Q is None else gave_up_Q
    sufficient_Q, correct_Q = paths.sufficient_QR[rows, stops_Q], paths.correct_QR[rows, stops_Q] & ~gave_up_Q
    right_Q = correct_Q | (gave_up_Q & ~paths.answerable_Q)
    first_Q = first_crossing(paths.sufficient_QR.astype(float), 1.0)
    over_Q = np.maximum(stops_Q - first_Q, 0)
    names = [str(row) for row in rows] if tasks is None else tasks

    def share(hits_Q: Bools) -> Estimate:
        return rate(hits_Q.tolist(), names)

    def mean(values_Q: Floats) -> Estimate:
        return clustered_mean(values_Q.tolist(), names)

    return Stopping(
        reward=mean(right_Q - round_cost * stops_Q),
        right=share(right_Q),
        rounds=mean(stops_Q.astype(float)),
        over_search=mean(over_Q.astype(float)),
        premature=share(~sufficient_Q & (stops_Q < paths.last) & ~gave_up_Q),
        lucky=share(correct_Q & ~sufficient_Q),
        misread=share(~correct_Q & sufficient_Q & ~gave_up_Q),
        gave_up=share(gave_up_Q),
    )


def best_fixed(paths: Paths, round_cost: float) -> int:
    """The number of rounds that earns most when every search stops there."""
    return int(np.argmax([_earned(paths, np.full(len(paths), r), round_cost) for r in range(paths.last + 1)]))


def best_threshold(paths: Paths, probabilities_QR: Floats, round_cost: float) -> float:
    """The threshold whose first crossing earns most; of equals the one in the middle, farthest from what earns less.

    One half is wrong for a stop rule: it takes the first crossing of several looks, so false stops add up.
    """
    candidates = np.unique(np.concatenate([np.linspace(0.01, 0.99, 99), [1.01]]))
    earned = [_earned(paths, first_crossing(probabilities_QR, t), round_cost) for t in candidates]
    best = np.flatnonzero(np.array(earned) >= max(earned) - 1e-12)
    return float(candidates[best[(len(best) - 1) // 2]])


def best_surrender(paths: Paths, probabilities_QR: Floats, threshold: float) -> float:
    """The probability below which an answer at the end is better not given: what makes most questions right.

    Where giving up never helps it is 0. Only questions that were never accepted are concerned.
    """
    at_end = ~(probabilities_QR >= threshold).any(1)
    last_Q, correct_Q = probabilities_QR[at_end, -1], paths.correct_QR[at_end, -1]
    candidates = np.concatenate([[0.0], np.unique(last_Q) + 1e-9])
    right = [
        int((correct_Q & (last_Q >= t)).sum() + (~paths.answerable_Q[at_end] & (last_Q < t)).sum()) for t in candidates
    ]
    return float(candidates[int(np.argmax(right))])


def oracle(paths: Paths) -> Ints:
    """Stops at the first sufficient point; searches to the end where there is none."""
    return first_crossing(paths.sufficient_QR.astype(float), 1.0)


def _earned(paths: Paths, stops_Q: Ints, round_cost: float) -> float:
    rows = np.arange(len(paths))
    return float(np.mean(paths.correct_QR[rows, stops_Q] - round_cost * stops_Q))
