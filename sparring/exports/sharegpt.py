"""ShareGPT's conversations, as LLaMA-Factory and Axolotl read them: a line a conversation."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.content import readable
from sparring.encoding import Record
from sparring.exports.chats import chats
from sparring.exports.selection import Selection
from sparring.exports.text_episodes import Spoken, episode_of, require_text
from sparring.exports.writing import Row
from sparring.types import Episode

NAMES = {"system": "system", "user": "human", "assistant": "gpt"}
ROLES = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def rows(selection: Selection) -> Iterator[Row]:
    """The conversations of attempts that earned something."""
    for _, chat in chats(selection.successes(), selection):
        said = [{"from": NAMES.get(one.role, "human"), "value": readable(one.content)} for one in chat]
        yield {"conversations": said}


def read(line: Record) -> Episode:
    """The episode of a conversation. Raises ValueError."""
    return episode_of("sharegpt", spoken(line))


def spoken(line: Record) -> list[Spoken]:
    """The messages of a conversation; `loss` false marks an answer that is not to be learnt. Raises ValueError."""
    turns = line.get("conversations")
    if not isinstance(turns, list):
        raise ValueError("it must have conversations, each with from and value")
    found = []
    for one in turns:
        if not isinstance(one, dict) or one.get("from") not in ROLES:
            raise ValueError(f"a message must be from one of {', '.join(ROLES)}, got {one!r:.80}")
        found.append(Spoken(ROLES[one["from"]], require_text("value", one.get("value")), one.get("loss") is not False))
    return found
