"""The decisions of a trajectory: what its model was asked before an action, and its answer, as text and tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sparring.types import Message, Segment, Trajectory, call_id

NO_ANSWERS = ("critique", "critic", "judge", "reflect", "explain", "back")
"""Purposes of calls whose text is about an answer, and is none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of a model, and all that stood before it in its sample."""

    turn: int
    """Of the trajectory, from 0."""
    prompt: tuple[Message, ...]
    answer: str
    """As the model wrote it, before anything was parsed."""
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    """Generated and forced tokens after the prompt; both empty where a server recorded text only."""


@dataclass(frozen=True, slots=True)
class _SoFar:
    """A sample up to and with a call."""

    messages: tuple[Message, ...] = ()
    token_ids: tuple[int, ...] = ()


def decisions(trajectory: Trajectory) -> Iterator[Decision]:
    """The answer of every turn that has one: the last that holds the action's text, else the last one.

    The other calls of a turn are drafts, votes and critiques.
    """
    for turn, answers in zip(trajectory.turns, answers_by_turn(trajectory), strict=True):
        yield from [*answers[-1:], *holding(turn.action, answers)][-1:]


def holding(action: str, answers: Iterable[Decision]) -> list[Decision]:
    """The answers in which an action is written."""
    return [one for one in answers if action.strip() in one.answer]


def answers_by_turn(trajectory: Trajectory) -> Iterator[list[Decision]]:
    """Of every turn all answers, in the order in which they were written."""
    known: dict[str, _SoFar] = {}
    for number, turn in enumerate(trajectory.turns):
        answers = list[Decision]()
        for place, call in enumerate(turn.calls):
            before = known.get(call.continues or "", _SoFar())
            messages = before.messages + call.messages
            start = next((i for i, segment in enumerate(call.segments) if segment.kind != "prompt"), len(call.segments))
            given, written = (_ids(part) for part in (call.segments[:start], call.segments[start:]))
            prompt_ids = before.token_ids + given
            known[call_id(number, place)] = _SoFar(messages, prompt_ids + written)
            if call.messages and call.messages[-1].role == "assistant" and call.purpose not in NO_ANSWERS:
                answers.append(Decision(number, messages[:-1], messages[-1].content, prompt_ids, written))
        yield answers


def first_difference(better: Trajectory, worse: Trajectory) -> tuple[Decision, Decision] | None:
    """The first decisions that differ although both were asked the same; None where there are none such."""
    for ours, theirs in zip(decisions(better), decisions(worse), strict=False):
        if (ours.turn, ours.prompt) != (theirs.turn, theirs.prompt):
            return None
        if ours.answer != theirs.answer:
            return ours, theirs
    return None


def _ids(segments: Iterable[Segment]) -> tuple[int, ...]:
    return tuple(token for segment in segments for token in segment.token_ids)
