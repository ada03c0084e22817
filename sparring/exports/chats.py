"""What was said in a trajectory, as conversations of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sparring.content import readable
from sparring.exports.selection import Attempt, Selection
from sparring.exports.tokens import learns
from sparring.samples import Sample, conversations
from sparring.types import Message, Trajectory, Turn

NO_ANSWER = "without a legal answer that is text"


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    role: str
    content: str
    is_learnt: bool = False
    """Whether it is the trajectory's own answer, to a legal action, and no earlier conversation holds it."""


Chat = list[Said]


def chats(attempts: Iterable[Attempt], selection: Selection) -> Iterator[tuple[Attempt, Chat]]:
    """The conversations of attempts that have an answer to learn, one for each sample; others are counted."""
    for attempt in attempts:
        found = [chat for chat in chats_of(attempt[1]) if any(said.is_learnt for said in chat)]
        if not found:
            selection.leave_out(NO_ANSWER)
        for chat in found:
            yield attempt, chat


def chats_of(trajectory: Trajectory) -> Iterator[Chat]:
    """Every conversation, up to its last answer; of agents that are no models, observations and actions."""
    if any(turn.calls for turn in trajectory.turns):
        for sample in conversations(trajectory):
            yield _until_answer(_said(sample, trajectory))
    else:
        yield [said for turn in trajectory.turns for said in _exchange(turn)]


def opening(trajectory: Trajectory) -> list[dict[str, str]]:
    """What stood before the first answer, as chat templates take it; empty where that was not recorded as text."""
    if not trajectory.turns:
        return []
    turn = trajectory.turns[0]
    if not turn.calls:
        return [message("user", turn.observation.text)]
    asked = turn.calls[0].messages
    return messages_of(asked[:-1] if asked and asked[-1].role == "assistant" else asked)


def message(role: str, content: str) -> dict[str, str]:
    """One message, readable."""
    return {"role": role, "content": readable(content)}


def messages_of(messages: Iterable[Message | Said]) -> list[dict[str, str]]:
    """As chat templates take them."""
    return [message(one.role, one.content) for one in messages]


def _said(sample: Sample, trajectory: Trajectory) -> Iterator[Said]:
    somebody_learns = trajectory.trainable
    for place, (id, call) in enumerate(zip(sample.ids, sample.calls, strict=True)):
        is_own = place >= sample.first and learns(call, somebody_learns)
        is_learnt = is_own and trajectory.turns[int(id.partition(".")[0])].legal
        for number, one in enumerate(call.messages, start=1):
            answer = one.role == "assistant" and number == len(call.messages)
            yield Said(one.role, one.content, is_learnt and answer)


def _until_answer(said: Iterable[Said]) -> Chat:
    chat = list(said)
    while chat and chat[-1].role != "assistant":
        chat.pop()
    return chat


def _exchange(turn: Turn) -> Chat:
    return [Said("user", turn.observation.text), Said("assistant", turn.action, turn.legal)]
