"""Conversations of other programs as episodes: text only, so nothing that needs recorded tokens trains on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.content import canonical_json
from sparring.exports.guards import IMPORTED
from sparring.types import Call, Episode, Message, Policy, Seen, Trajectory, Turn, derive_seed

SEAT, AGENT = "player_0", "imported"
TEXT_ONLY = "imported as text"
"""The stop reason of such a trajectory."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message of a file."""

    role: str
    content: str
    is_learnt: bool = True


def require_text(name: str, value: object) -> str:
    """The value. Raises ValueError for what is no text: calls of tools and images are not imported."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r:.80}")
    return value


def episode_of(format: str, said: Sequence[Spoken], task: str | None = None) -> Episode:
    """A turn for each answer that is to be learnt; the others are part of what was said before.

    Nobody recorded a reward. What people keep to train on is taken for a success: reward 1, named `demonstration`.
    Raises ValueError for a conversation without such an answer.
    """
    turns, asked = list[Turn](), list[Message]()
    for one in said:
        asked.append(Message(one.role, one.content))
        if one.role == "assistant" and one.is_learnt:
            turns.append(_turn(len(turns), asked))
            asked = []
    if not turns:
        raise ValueError("it has no answer of an assistant that is to be learnt")
    task = task or f"{IMPORTED}{_digest(turns[0].calls[0].messages[:-1])}"
    id = f"{IMPORTED}{format}/{_digest([task, [turn.calls[0].messages for turn in turns]])}"
    parts = {"demonstration": 1.0}
    seat = Trajectory(f"{id}/{SEAT}", SEAT, AGENT, tuple(turns), 1.0, reward_parts=parts, stop_reason=TEXT_ONLY)
    return Episode(id, f"{IMPORTED}{format}", "0", {}, derive_seed(task), "ok", {SEAT: seat}, task=task)


def _turn(index: int, asked: Sequence[Message]) -> Turn:
    continues = f"{index - 1}.0" if index else None
    call = Call(Policy(AGENT), messages=tuple(asked), continues=continues, stop_reason="eos")
    shown = "\n".join(one.content for one in asked[:-1])
    return Turn(index, Seen((shown,)), asked[-1].content, True, 0.0, calls=(call,))


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]
