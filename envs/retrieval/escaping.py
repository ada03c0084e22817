"""Passages as they are shown: whatever they hold, they close no tag, forge no answer and no role marker.

Two rules do it for every style of action and every chat template:

- a passage is one line: line breaks of every kind become blanks, so that nothing in it begins a line;
- the characters that tags, JSON, fences and chat templates are made of are shown as others that none of these reads,
  and so is every character that Unicode's compatibility form turns into one of them.

Characters that are not seen (control, format, private use, lone surrogates) are left out.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

INSTEAD = {
    "<": "\u2039",
    ">": "\u203a",
    "{": "(",
    "}": ")",
    "[": "(",
    "]": ")",
    "`": "'",
    "|": "\u00a6",
    "\\": "/",
    '"': "\u201d",
}
"""By character, what is shown in its place."""
MOST_SHOWN = 4_000
"""Characters of a passage; the rest is cut."""
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@lru_cache(maxsize=65_536)
def harmless(text: str, most: int = MOST_SHOWN) -> str:
    """A text on one line, without anything that has a meaning beyond it; at most `most` characters."""
    shown = " ".join(text[: 4 * most].split())
    if not _is_plain(shown):
        shown = " ".join("".join(map(_shown, shown)).split())
    return shown if len(shown) <= most else f"{shown[: most - 4].rstrip()} ..."


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not any(mark in text for mark in INSTEAD)


@lru_cache(maxsize=8_192)
def _shown(character: str) -> str:
    if character in INSTEAD:
        return INSTEAD[character]
    if unicodedata.category(character) in UNSEEN:
        return ""
    if character.isspace():
        return " "
    alike = unicodedata.normalize("NFKC", character)
    return "".join(INSTEAD[one] for one in alike if one in INSTEAD) or character
