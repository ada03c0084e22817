"""AgentTraj, AgentGym's training data: a JSON array; human and gpt take turns, `loss` says which answers count."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.content import readable
from sparring.encoding import Record
from sparring.exports.chats import Chat, Said, chats
from sparring.exports.selection import Selection
from sparring.exports.sharegpt import spoken
from sparring.exports.text_episodes import episode_of, require_text
from sparring.exports.writing import Row
from sparring.types import Episode


def rows(selection: Selection) -> Iterator[Row]:
    """The conversations of attempts that earned something; the number after the last `_` of an id is the seed."""
    for (episode, _), chat in chats(selection.successes(), selection):
        yield {
            "conversations": [_turn(said) for said in _alternating(chat)],
            "item_id": f"{readable(episode.env_id)}_{episode.seed}",
        }


def read(line: Record) -> Episode:
    """The episode of a trajectory. Raises ValueError."""
    return episode_of("agentgym", spoken(line), require_text("item_id", line.get("item_id")))


def _turn(said: Said) -> Row:
    if said.role == "assistant":
        return {"from": "gpt", "loss": said.is_learnt, "value": readable(said.content)}
    return {"from": "human", "loss": None, "value": readable(said.content)}


def _alternating(chat: Chat) -> Iterator[Said]:
    """The same with what was said to the model between two answers in one message."""
    before: list[str] = []
    for said in chat:
        if said.role == "assistant":
            yield Said("user", "\n".join(before))
            yield said
            before = []
        else:
            before.append(said.content)
