"""What reflection buys: how often a right answer is kept, and how often a wrong one is mended.

Confidence v. Critique (arXiv 2412.19513). For question i, a: the first answer is right, b: the answer after correction:

    CL = Σ P(a_i) P(b_i | a_i) / Σ P(a_i)                    confidence level: right answers that stay right
    CS = Σ (1 - P(a_i)) P(b_i | ¬a_i) / Σ (1 - P(a_i))       critique score: wrong answers that become right
    Acc1 = mean P(a_i);    Acc2 = Acc1 CL + (1 - Acc1) CS
    RSS = (Acc2 - low) / (upp - low),    low = Acc1²,    upp = 2 Acc1 - Acc1²

The P are shares of several samples of a question, or probabilities of the model. The bounds of RSS are those of the
authors' released code. The intervals are ours.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, fields

from sparring.scoreboard.ratios import bounded_ratio
from sparring.scoreboard.stats import NAN, Estimate, normal_quantile


@dataclass(frozen=True, slots=True)
class Pair:
    """One answer before and after correction."""

    question: Hashable
    before: bool
    """Whether the first answer is right."""
    after: bool


@dataclass(frozen=True, slots=True)
class SelfCorrection:
    """What correction did. Where a figure is not defined (nothing was right, or wrong, at first) it is NaN."""

    acc1: Estimate = field(metadata={"called": "right before"})
    acc2: Estimate = field(metadata={"called": "right after"})
    cl: Estimate = field(metadata={"called": "CL: right answers kept"})
    cs: Estimate = field(metadata={"called": "CS: wrong answers mended"})
    rss: Estimate = field(metadata={"called": "RSS"})
    """0: a right answer is kept as often as one is right anyway, and none is mended; 1: all are kept, and as many are
    mended as are right anyway. It may lie outside 0..1."""


FIGURES = {one.name: str(one.metadata["called"]) for one in fields(SelfCorrection)}
"""What people call them, in order."""


@dataclass(frozen=True, slots=True)
class _Mass:
    """What a question adds to the sums."""

    question: Hashable
    total: float
    right: float
    """Right before."""
    kept: float
    """Right before and after."""
    mended: float
    """Right after, and not before."""


def by_question(pairs: Iterable[Pair]) -> SelfCorrection:
    """The figures of the paper: every question weighs the same, P are the shares among its samples."""
    pairs = list(pairs)
    samples = Counter(pair.question for pair in pairs)
    return _figures([_mass(pair, 1 / samples[pair.question]) for pair in pairs])


def counted(pairs: Iterable[Pair]) -> SelfCorrection:
    """The same counts, every sample weighing the same: equal to `by_question` where all have as many samples."""
    return _figures([_mass(pair, 1.0) for pair in pairs])


def of_probabilities(
    right_before_Q: Sequence[float], right_if_right_Q: Sequence[float], right_if_wrong_Q: Sequence[float]
) -> SelfCorrection:
    """The figures of P(a_i), P(b_i | a_i), P(b_i | ¬a_i), each [Q] and within 0..1.

    A conditional probability whose condition has probability 0 may be NaN. Raises ValueError for other values.
    """
    rows = zip(right_before_Q, right_if_right_Q, right_if_wrong_Q, strict=True)
    return _figures([_of_probabilities(place, *row) for place, row in enumerate(rows)])


def _mass(pair: Pair, weight: float) -> _Mass:
    kept, mended = pair.before and pair.after, pair.after and not pair.before
    return _Mass(pair.question, weight, weight * pair.before, weight * kept, weight * mended)


def _of_probabilities(place: int, right: float, if_right: float, if_wrong: float) -> _Mass:
    conditions = ((right, 1.0), (if_right, right), (if_wrong, 1 - right))
    for value, condition in conditions:
        if not 0 <= value <= 1 and (condition > 0 or not math.isnan(value)):
            raise ValueError(f"a probability must be within 0..1, got {value} for question {place}")
    kept, mended = right * if_right if right else 0.0, (1 - right) * if_wrong if right < 1 else 0.0
    return _Mass(place, 1.0, right, kept, mended)


def _figures(masses: Sequence[_Mass]) -> SelfCorrection:
    return SelfCorrection(
        acc1=bounded_ratio((one.question, one.right, one.total) for one in masses),
        acc2=bounded_ratio((one.question, one.kept + one.mended, one.total) for one in masses),
        cl=bounded_ratio((one.question, one.kept, one.right) for one in masses),
        cs=bounded_ratio((one.question, one.mended, one.total - one.right) for one in masses),
        rss=_relative_score(masses),
    )


def _relative_score(masses: Sequence[_Mass], level: float = 0.95) -> Estimate:
    """RSS by the delta method over questions.

    To the questions are added z²/4 made-up ones for each of the four outcomes (right or wrong, before and after), as
    Agresti and Coull add successes and failures, so that the interval has a width and ends where Acc1 is 0 or 1.
    """
    z, rows = normal_quantile(level), _rows(masses)
    if not rows:
        return Estimate(NAN, -math.inf, math.inf, 0, 0)
    total = math.fsum(weight for weight, _, _ in rows)
    value = _rss(*(math.fsum(row[place] for row in rows) / total for place in (1, 2)))
    effective = total * total / math.fsum(weight * weight for weight, _, _ in rows)
    scaled = [tuple(effective / total * one for one in row) for row in rows]
    made_up = [(z * z / 4, z * z / 4 * before, z * z / 4 * after) for before in (0, 1) for after in (0, 1)]
    whole = effective + z * z
    before, after = (math.fsum(row[place] for row in [*scaled, *made_up]) / whole for place in (1, 2))
    by_before, by_after = _slopes(before, after)
    # of a made-up group of z²/4 questions the variance is that of single questions: its pull is divided by its size
    pulls = [(_pull(row, before, after, by_before, by_after)) ** 2 for row in scaled]
    pulls += [(_pull(row, before, after, by_before, by_after)) ** 2 / row[0] for row in made_up]
    half, center = z * math.sqrt(math.fsum(pulls)) / whole, _rss(before, after)
    ends = [center - half, center + half, *([] if math.isnan(value) else [value])]
    return Estimate(value, min(ends), max(ends), len(masses), len(rows))


def _rows(masses: Iterable[_Mass]) -> list[tuple[float, float, float]]:
    """Of every question: its weight, and the parts of it that are right before and after."""
    sums: dict[Hashable, tuple[float, float, float]] = {}
    for one in masses:
        weight, before, after = sums.get(one.question, (0.0, 0.0, 0.0))
        sums[one.question] = (weight + one.total, before + one.right, after + one.kept + one.mended)
    return list(sums.values())


def _rss(before: float, after: float) -> float:
    return (after - before**2) / (2 * before * (1 - before)) if 0 < before < 1 else NAN


def _slopes(before: float, after: float) -> tuple[float, float]:
    """The derivatives of RSS in Acc1 and Acc2."""
    width = 2 * before * (1 - before)
    return (-2 * before * width - (after - before**2) * (2 - 4 * before)) / width**2, 1 / width


def _pull(row: tuple[float, ...], before: float, after: float, by_before: float, by_after: float) -> float:
    weight, right_before, right_after = row
    return by_before * (right_before - before * weight) + by_after * (right_after - after * weight)
