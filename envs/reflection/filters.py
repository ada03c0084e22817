"""Which texts that a model wrote are good for learning: not empty, no chatter, of a usual length, and new.

Fitted to a few seeds, as SELF-GUIDE (arXiv 2407.12874) does: a length may lie within two standard deviations of the
mean of the seeds' lengths. A deviation is taken to be at least a quarter of the mean and half a character, and the
seeds themselves always fit: three seeds of one length would else admit that length only. A phrase that a seed holds is
no noise.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sparring.answers.rouge import rouge_l

Objection = Literal["", "empty", "noise", "length", "duplicate"]
CHATTER = """as an ai, language model, sorry, i cannot, i can't, here is, here are, sure thing, for example, the task,
the input, the output, your next action, act in an environment, instruction:, task:, input:, output:, answer:, http://,
https://, ```, <|, [...]"""
NOISE = tuple(phrase.strip() for phrase in CHATTER.split(","))
"""Phrases of a model that talks about the task, in place of doing it."""
SIMILAR = 0.7
"""Texts of this ROUGE-L, or more, are nearly equal."""
DEVIATIONS = 2.0
LEAST_SPREAD = 0.25
"""Of a standard deviation, in means."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What of texts may be kept."""

    shortest: float
    """Characters."""
    longest: float
    noise: tuple[str, ...] = NOISE

    @classmethod
    def fitted(cls, seeds: Sequence[str], lengths: tuple[float, float] | None = None) -> Filters:
        """To some texts; `lengths` where they are known already. Raises ValueError for no texts."""
        if not seeds:
            raise ValueError("filters are fitted to at least one text, got none")
        shortest, longest = lengths or usual_lengths(seeds)
        return cls(shortest, longest, tuple(one for one in NOISE if not any(one in seed.lower() for seed in seeds)))

    def objection(self, text: str, earlier: Iterable[str] = ()) -> Objection:
        """Why a text is not kept, the first that applies; "" where it is. `earlier`: what it must not repeat."""
        bare = " ".join(text.split())
        if not bare:
            return "empty"
        if any(phrase in bare.lower() for phrase in self.noise) or not bare.isprintable():
            return "noise"
        if not self.shortest <= len(bare) <= self.longest:
            return "length"
        return "duplicate" if any(repeats(bare, other) for other in earlier) else ""


def repeats(text: str, other: str) -> bool:
    """Whether two texts are equal, or nearly."""
    return text.lower() == " ".join(other.split()).lower() or rouge_l(text, other) >= SIMILAR


def usual_lengths(seeds: Sequence[str]) -> tuple[float, float]:
    """The shortest and the longest text, in characters, that is like the seeds."""
    lengths = [len(" ".join(seed.split())) for seed in seeds]
    mean = statistics.fmean(lengths)
    spread = max(1.0, DEVIATIONS * max(statistics.pstdev(lengths), LEAST_SPREAD * mean))
    return min([*lengths, mean - spread]), max([*lengths, mean + spread])
