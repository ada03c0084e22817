"""How well wrong answers are found: precision, recall and F1 of critiques.

CriticBench (arXiv 2402.14809): the positive class is "the answer is wrong". A critique that is missing or cannot be
read is an error: a wrong answer was not found, or a right one was not acknowledged.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, fields

from sparring.scoreboard.ratios import bounded_ratio
from sparring.scoreboard.stats import Estimate


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer that was judged."""

    question: Hashable
    right: bool
    """Whether it is right."""
    said_right: bool | None
    """None: the critique is missing, or cannot be read."""

    @property
    def held_wrong(self) -> bool:
        """Whether it counts as found wrong; what cannot be read counts as the opposite of the truth."""
        return self.right if self.said_right is None else not self.said_right


@dataclass(frozen=True, slots=True)
class CritiqueQuality:
    """How good the critiques are. A figure without a denominator is NaN: no answer was wrong, or held wrong."""

    accuracy: Estimate = field(metadata={"called": "critiques that are right"})
    precision: Estimate = field(metadata={"called": "critique precision"})
    recall: Estimate = field(metadata={"called": "critique recall"})
    f1: Estimate = field(metadata={"called": "critique F1"})


FIGURES = {one.name: str(one.metadata["called"]) for one in fields(CritiqueQuality)}
"""What people call them, in order."""


def critique_quality(judged: Iterable[Judged]) -> CritiqueQuality:
    """Over samples, with intervals over questions; F1 = 2 found / (wrong + held wrong)."""
    rows = [(one.question, not one.right, one.held_wrong) for one in judged]
    return CritiqueQuality(
        accuracy=bounded_ratio((question, wrong == held, 1) for question, wrong, held in rows),
        precision=bounded_ratio((question, wrong and held, held) for question, wrong, held in rows),
        recall=bounded_ratio((question, wrong and held, wrong) for question, wrong, held in rows),
        f1=bounded_ratio((question, 2 * (wrong and held), wrong + held) for question, wrong, held in rows),
    )
