"""How attempts are shown to somebody who judges them, and how a verdict is read. Both take any text."""

from __future__ import annotations

import re

from sparring.shortening import shortened

MOST_SHOWN = 4_000
"""Characters of a task or an attempt; the middle of a longer one is left out, and marked."""
MOST_WRITTEN = 20_000
"""Characters of an answer."""
RIGHT, WRONG = "right", "wrong"
FIRST, SECOND = "first", "second"


def shown(text: str) -> str:
    """The text as a judge sees it."""
    return shortened(text, MOST_SHOWN, "\n[...]\n")


def read_word(text: str, words: tuple[str, str]) -> str | None:
    """Which of two words an answer comes to: the whole of it, else the last one that stands in brackets, else the only
    one in its last line; None where it comes to neither.
    """
    bare = text[-MOST_WRITTEN:].strip().lower()
    if bare.strip(".! ") in words:
        return bare.strip(".! ")
    either = "|".join(words)
    bracketed = re.findall(rf"\[({either})\]", bare)
    if bracketed:
        return str(bracketed[-1])
    last = bare.rpartition("\n")[2]
    said = set(re.findall(rf"\b({either})\b", last))
    return said.pop() if len(said) == 1 else None
