"""Rows for TRL's SFTTrainer: one answer and all that was said before it, so that its loss is on that answer alone."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.exports.chats import chats, messages_of
from sparring.exports.selection import Selection
from sparring.exports.sources import attempt
from sparring.exports.writing import Row


def rows(selection: Selection) -> Iterator[Row]:
    """Every legal answer of attempts that earned something."""
    for (episode, trajectory), chat in chats(selection.successes(), selection):
        messages = messages_of(chat)
        for place, said in enumerate(chat):
            if said.is_learnt:
                yield {
                    "prompt": messages[:place],
                    "completion": [messages[place]],
                    **attempt(episode, trajectory),
                }
