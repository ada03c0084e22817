"""Reads what a chat server sent: the text of its first choice, whatever else the body is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

SHOWN = 200
"""Characters of a body that a complaint about it shows."""
_CONTENT = re.compile(r'"content"\s*:\s*"((?:[^"\\]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*)')
"""The text of a message, as far as the body goes; an escape sequence that is cut in two is left out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote; `cut` where it was stopped before it had finished."""

    text: str
    cut: bool


def read_answer(body: str, whole: bool) -> Answer:
    """The answer in a body, or in the beginning of a body that is too long. Raises ValueError where there is none."""
    if not whole:
        return _beginning(body)
    try:
        choice = json.loads(body)["choices"][0]
        content, reason = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise _no_answer(body) from None
    if not isinstance(content, str | None):
        raise _no_answer(body)
    return Answer(content or "", cut=reason == "length")


def _beginning(body: str) -> Answer:
    found = _CONTENT.search(body, max(body.find('"message"'), 0))
    if not found:
        raise _no_answer(body)
    written: str = json.loads(f'"{found[1]}"', strict=False)
    return Answer(written, cut=True)


def _no_answer(body: str) -> ValueError:
    return ValueError(f"what it sent is no chat completion: {body[:SHOWN]!r}")
