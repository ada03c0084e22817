"""A vote among the answers to one observation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.agents.strategies.asking import Said
from sparring.answers.canonical import canonical_key

LONGEST_NOTE = 200
"""Characters of an answer that are noted; the call has all of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer, and who gave it."""

    key: str
    """The answer as it is counted."""
    voters: tuple[Said, ...]
    """In the order in which they were asked."""

    @property
    def logprob(self) -> float:
        """Of its voters, summed, nats; -inf where the model hides it."""
        return sum(map(_likelihood, self.voters))

    @property
    def best(self) -> Said:
        """Its likeliest voter, the first of equally likely ones."""
        return max(self.voters, key=_likelihood)


def candidates(samples: Sequence[Said], legal: Sequence[str] | None) -> tuple[Candidate, ...]:
    """The answers, most votes first; ties by summed log-probability, then by which was given first.

    Legal actions are compared as they are, other answers by their value (`canonical_key`). An empty answer, and an
    illegal one where the legal actions are finite, counts only where there is no other.
    """
    counted = [one for one in samples if is_usable(one, legal)] or samples
    voters: dict[str, list[Said]] = {}
    for one in counted:
        voters.setdefault(key_of(one, legal), []).append(one)
    found = [Candidate(key, tuple(said)) for key, said in voters.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.voters), -one.logprob)))


def key_of(said: Said, legal: Sequence[str] | None) -> str:
    """An answer as it is counted: equal answers have equal keys."""
    return said.action if legal else canonical_key(said.action)


def is_usable(said: Said, legal: Sequence[str] | None) -> bool:
    """Whether an answer says anything, and is legal where the legal actions are finite."""
    return said.action in legal if legal else bool(said.action.strip())


def later_of(earlier: Said, later: Said, legal: Sequence[str] | None) -> Said:
    """The later answer, unless only the earlier one is usable."""
    return later if is_usable(later, legal) or not is_usable(earlier, legal) else earlier


def certainty(ranked: Sequence[Candidate]) -> float:
    """ln of how many times as many votes the first answer has as the second; infinite where there is no second."""
    if len(ranked) < 2:
        return math.inf
    return math.log(len(ranked[0].voters) / len(ranked[1].voters))


def noted(ranked: Sequence[Candidate]) -> list[Mapping[str, object]]:
    """The vote as notes: each answer, the calls that gave it, and their summed log-probability, where it is finite."""
    return [
        {
            "answer": one.key[:LONGEST_NOTE],
            "calls": [said.place for said in one.voters],
            "logprob": one.logprob if math.isfinite(one.logprob) else None,
        }
        for one in ranked
    ]


def _likelihood(said: Said) -> float:
    return -math.inf if said.logprob is None or math.isnan(said.logprob) else said.logprob
