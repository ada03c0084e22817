"""Do the answers of one model to one question agree, wherever they are read off?

The survey 2407.14507 calls internal consistency the consistency of what a model expresses in its latent, decoding and
response layers, "based on sampling methodologies". It gives no single number; ours are shares of questions on which two
layers give the same answer:

    latent     the most probable answer of the model's distribution over all answers
    decoded    the answer of greedy decoding (temperature 0)
    sampled    the answer that most samples give; a draw is no answer
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations

from sparring.scoreboard.ratios import bounded_ratio
from sparring.scoreboard.stats import Estimate


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model said to one question."""

    question: Hashable
    sampled: Sequence[str] = ()
    decoded: str | None = None
    """None: not decoded greedily."""
    latent: str | None = None
    """None: not known."""

    @property
    def majority(self) -> str | None:
        """The answer that more samples give than any other; None for a draw, or without samples."""
        return majority(self.sampled)


@dataclass(frozen=True, slots=True)
class Consistency:
    """Shares of questions on which answers agree; NaN where no question has both."""

    agreement: Estimate = field(metadata={"called": "internal consistency"})
    """Of all pairs of layers that a question has, those that agree; the mean over questions."""
    latent_decoded: Estimate = field(metadata={"called": "latent = decoded"})
    latent_sampled: Estimate = field(metadata={"called": "latent = sampled"})
    decoded_sampled: Estimate = field(metadata={"called": "decoded = sampled"})
    among_samples: Estimate = field(metadata={"called": "two samples agree"})
    """The chance that two different samples of a question are the same answer."""


FIGURES = {one.name: str(one.metadata["called"]) for one in fields(Consistency)}
"""What people call them, in order."""
LAYERS = ("latent", "decoded", "sampled")


def internal_consistency(answers: Iterable[Answers]) -> Consistency:
    """Of a model over questions."""
    agreed = [(one, dict(_agreements(one))) for one in answers]
    by_pair = {
        f"{first}_{second}": bounded_ratio(
            (one.question, found[first, second], 1) for one, found in agreed if (first, second) in found
        )
        for first, second in combinations(LAYERS, 2)
    }
    return Consistency(
        agreement=bounded_ratio((one.question, sum(found.values()) / len(found), 1) for one, found in agreed if found),
        among_samples=bounded_ratio(
            (one.question, _chance_of_two(one.sampled), 1) for one, _ in agreed if len(one.sampled) > 1
        ),
        **by_pair,
    )


def majority(answers: Sequence[str]) -> str | None:
    """The most frequent one; None for a draw, or without any."""
    ranked = Counter(answers).most_common(2)
    is_draw = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return ranked[0][0] if ranked and not is_draw else None


def _agreements(answers: Answers) -> Iterator[tuple[tuple[str, str], bool]]:
    said = {"latent": answers.latent, "decoded": answers.decoded, "sampled": answers.majority}
    for first, second in combinations(LAYERS, 2):
        if said[first] is not None and said[second] is not None:
            yield (first, second), said[first] == said[second]


def _chance_of_two(answers: Sequence[str]) -> float:
    count = len(answers)
    return sum(same * (same - 1) for same in Counter(answers).values()) / (count * (count - 1))
