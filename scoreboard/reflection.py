"""Figures of reflection out of stored attempts, for every agent in every environment.

Before and after correction: an attempt whose parent (`reflection_of`, `refined_from`, `retry_of`) is in the store is
held against that parent; else one with drafts against its first draft.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparring.scoreboard import consistency, critiques, self_correction
from sparring.scoreboard.attempts import Attempt, Attempts
from sparring.scoreboard.calibration import Calibration, Said, calibration
from sparring.scoreboard.consistency import Answers, Consistency
from sparring.scoreboard.critiques import CritiqueQuality, Judged
from sparring.scoreboard.ratios import cost_per_success
from sparring.scoreboard.self_correction import Pair, SelfCorrection
from sparring.scoreboard.stats import Estimate, bounded_mean

REVISIONS = ("reflection_of", "refined_from", "retry_of")
"""Relations to an earlier attempt at the same task."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """How one agent did in one environment. None: its attempts do not show it."""

    env_id: str
    agent: str
    attempts: int
    right: Estimate
    """Share of attempts that are right."""
    correction: SelfCorrection | None
    critique: CritiqueQuality | None
    calibration: Calibration | None
    consistency: Consistency | None
    written_per_solved: Estimate | None
    """Tokens that models wrote for one attempt that is right; infinite where none is."""
    tokens_per_solved: Estimate | None
    """The same with the tokens that they were given."""
    unknown_drafts: int
    """Drafts of which it is not known whether they are right: the episode goes on, or cannot be played again here."""
    lost_parents: int
    """Attempts whose earlier attempt is not in the store."""

    def figures(self) -> Iterator[tuple[str, Estimate]]:
        """Every figure that has a value, with what people call it."""
        yield "right", self.right
        for found, names in (
            (self.correction, self_correction.FIGURES),
            (self.critique, critiques.FIGURES),
            (self.consistency, consistency.FIGURES),
        ):
            if found is not None:
                yield from ((called, getattr(found, name)) for name, called in names.items())
        if self.calibration is not None:
            yield from (("Brier score", self.calibration.brier), ("AUROC", self.calibration.auroc))
        for called, estimate in (
            ("tokens written a solved task", self.written_per_solved),
            ("tokens in all a solved task", self.tokens_per_solved),
        ):
            if estimate is not None:
                yield called, estimate


def reflections(found: Attempts) -> list[Reflection]:
    """One for each environment and agent of a store, in the order in which they came."""
    groups: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in found.attempts:
        groups[attempt.env_id, attempt.agent].append(attempt)
    by_id = {attempt.id: attempt for attempt in found.attempts}
    return [_reflection(env_id, agent, mine, by_id) for (env_id, agent), mine in groups.items()]


def _reflection(env_id: str, agent: str, mine: Sequence[Attempt], by_id: Mapping[str, Attempt]) -> Reflection:
    pairs = [pair for attempt in mine for pair in _pairs(attempt, by_id)]
    judged = [Judged(one.question, answer.right, answer.said_right) for one in mine for answer in one.judged]
    answers = list(answers_of(mine))
    questions = [attempt.question for attempt in mine]
    return Reflection(
        env_id=env_id,
        agent=agent,
        attempts=len(mine),
        right=bounded_mean([float(attempt.right) for attempt in mine], questions, 0.0, 1.0),
        correction=self_correction.by_question(pairs) if pairs else None,
        critique=critiques.critique_quality(judged) if judged else None,
        calibration=calibration(
            Said(one.question, one.confidence, one.right) for one in mine if one.confidence is not None
        ),
        consistency=consistency.internal_consistency(answers) if answers else None,
        written_per_solved=_cost([(one.question, one.written, one.right) for one in mine]),
        tokens_per_solved=_cost([(one.question, one.tokens, one.right) for one in mine]),
        unknown_drafts=sum(attempt.unknown_drafts for attempt in mine),
        lost_parents=sum(bool(_revised(one)) and not any(id in by_id for id in _revised(one)) for one in mine),
    )


def _pairs(attempt: Attempt, by_id: Mapping[str, Attempt]) -> Iterator[Pair]:
    parents = [by_id[id] for id in _revised(attempt) if id in by_id]
    if parents:
        yield Pair(attempt.question, parents[-1].right, attempt.right)
    elif attempt.draft_right is not None:
        yield Pair(attempt.question, attempt.draft_right, attempt.right)


def _revised(attempt: Attempt) -> list[str]:
    """The ids of the attempts that it corrects."""
    return [parent for relation, parent in attempt.parents if relation in REVISIONS]


def answers_of(attempts: Iterable[Attempt]) -> Iterator[Answers]:
    """Per question, seat and weights, what attempts of one action say; a single answer agrees with nothing."""
    groups: dict[tuple[tuple[str, ...], tuple[str, str]], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if attempt.answer is not None and attempt.weights != ("", "") and not attempt.parents:
            groups[(*attempt.question, attempt.seat), attempt.weights].append(attempt)
    for (question, _), mine in groups.items():
        sampled = tuple(one.answer for one in mine if not one.greedy and one.answer is not None)
        decoded = next((one.answer for one in mine if one.greedy), None)
        if len(mine) > 1:
            yield Answers(question[:-1], sampled, decoded, latent_answer(mine))


def latent_answer(attempts: Iterable[Attempt]) -> str | None:
    """The most probable action of a model, where its recorded samples prove it; else None.

    Each sample records the probability of its own action. One of them is the most probable of all if it has at least
    what the samples leave for the actions that they do not show.
    """
    known = {
        one.answer: math.exp(one.logprob) for one in attempts if one.answer is not None and one.logprob is not None
    }
    if not known:
        return None
    answer, most = max(known.items(), key=lambda pair: pair[1])
    return answer if most >= 1 - math.fsum(known.values()) else None


def _cost(attempts: Sequence[tuple[tuple[str, ...], int, bool]]) -> Estimate | None:
    return cost_per_success(attempts) if any(tokens for _, tokens, _ in attempts) else None
