"""Chats as OpenAI's fine-tuning takes them: a line a conversation; answers that are not to be learnt have weight 0."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.encoding import Record
from sparring.exports.chats import Said, chats, message
from sparring.exports.selection import Selection
from sparring.exports.text_episodes import Spoken, episode_of, require_text
from sparring.exports.writing import Row
from sparring.types import Episode

ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}


def rows(selection: Selection) -> Iterator[Row]:
    """The conversations of attempts that earned something."""
    for _, chat in chats(selection.successes(), selection):
        yield {"messages": [_message(said) for said in chat]}


def read(line: Record) -> Episode:
    """The episode of a chat. Raises ValueError for messages that are no plain text."""
    messages = line.get("messages")
    if not isinstance(messages, list):
        raise ValueError("it must have messages, each with role and content")
    return episode_of("openai", [_spoken(one) for one in messages])


def _message(said: Said) -> Row:
    plain = message(said.role if said.role in ROLES else "user", said.content)
    return {**plain, "weight": 0} if said.role == "assistant" and not said.is_learnt else plain


def _spoken(found: object) -> Spoken:
    if not isinstance(found, dict) or found.get("role") not in ROLES:
        raise ValueError(f"a message must have a role, one of {', '.join(ROLES)}, got {found!r:.80}")
    role = ROLES[found["role"]]
    return Spoken(role, require_text("content", found.get("content")), found.get("weight", 1) != 0)
