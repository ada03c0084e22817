"""Long lines of prose, broken between words."""

from __future__ import annotations

import textwrap


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Every line that is wider than `width` becomes several, all but the first indented; other lines stay as they are.

    A word is never broken, and blanks inside a line stay.
    """
    lines = textwrap.TextWrapper(
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return "\n".join(lines.fill(line) if len(line) > width else line for line in text.split("\n"))
