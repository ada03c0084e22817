"""The blocks of a model's text: programs and answers, as an environment and an agent both read them.

    <execute> a whole program </execute>        or a block fenced by ```python and ```
    <answer> the final answer </answer>

What stands inside a block is taken as it is, tags included; everything around the blocks is the model thinking aloud.
Nothing here raises, whatever the text, and all of it takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

OPENING = re.compile(r"<execute>|<answer>|```[ \t]*(?:python3?|py)[ \t]*\r?\n", re.IGNORECASE)
CLOSING = {
    "<execute>": re.compile(r"</execute>", re.IGNORECASE),
    "<answer>": re.compile(r"</answer>", re.IGNORECASE),
    "```": re.compile(r"^[ \t]*```", re.MULTILINE),
}
PLAIN_FENCE = re.compile(r"\A\s*```(?:python|py)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
LANGUAGES = ("", "python", "python3", "py")


@dataclass(frozen=True, slots=True)
class Block:
    """An opening that is closed, and what stands between."""

    kind: Literal["program", "answer"]
    content: str
    start: int
    """Where the opening begins in the text."""


def first_opening(text: str) -> int | None:
    """Where the first opening begins, closed or not."""
    opening = OPENING.search(text)
    return opening.start() if opening else None


def closed_blocks(text: str, position: int = 0) -> Iterator[Block]:
    """The blocks from a position on, in their order; an opening that is never closed is no block."""
    unclosed: set[str] = set()
    while (opening := OPENING.search(text, position)) is not None:
        position = opening.end()
        mark = "```" if opening[0].startswith("`") else opening[0].lower()
        closing = None if mark in unclosed else CLOSING[mark].search(text, position)
        if closing is None:
            unclosed.add(mark)
            continue
        content, position = text[position : closing.start()], closing.end()
        yield Block("answer" if mark == "<answer>" else "program", content, opening.start())


def unfenced(code: str, any_fence: bool) -> str:
    """Code without the ``` fence around it, where there is one.

    any_fence: the fence may name `python3` too, in capitals, after blanks, on a line that ends in CR LF. Otherwise it
        names nothing, `python` or `py`, directly behind the backticks.
    """
    if not any_fence:
        inner = PLAIN_FENCE.match(code)
        return (inner[1] if inner else code).strip("\r\n")
    bare = code.strip()
    head, line_break, body = bare[3:-3].partition("\n")
    fenced = bare.startswith("```") and bare.endswith("```") and line_break
    return (body if fenced and head.strip().lower() in LANGUAGES else code).strip("\r\n")
