"""What a model's text asks for: one program to run, or one final answer, or nothing that can be told.

    <execute> a whole program </execute>        or a block fenced by ```python and ```
    <answer> the final answer </answer>

What stands inside one of these is taken as it is, tags included; everything around them is the model thinking aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_ACTION_LENGTH = 100_000
"""Characters of an action; a longer one is illegal."""
OPENING = re.compile(r"<execute>|<answer>|```[ \t]*(?:python3?|py)[ \t]*\r?\n", re.IGNORECASE)
CLOSING = {
    "<execute>": re.compile(r"</execute>", re.IGNORECASE),
    "<answer>": re.compile(r"</answer>", re.IGNORECASE),
    "```": re.compile(r"^[ \t]*```", re.MULTILINE),
}
LANGUAGES = ("", "python", "python3", "py")
EXPECTED = "Write exactly one <execute>program</execute> or one <answer>final answer</answer>."


@dataclass(frozen=True, slots=True)
class Action:
    """What an action text was understood as; `text` is the program, the answer, or why it is illegal."""

    kind: Literal["program", "answer", "illegal"]
    text: str


def parse_action(text: str) -> Action:
    """The action of a text, in time linear in it. Never raises."""
    if len(text) > MAX_ACTION_LENGTH:
        return Action("illegal", f"An action has at most {MAX_ACTION_LENGTH} characters; this one has {len(text)}.")
    parts = list(_parts(text))
    if not parts:
        return Action("illegal", f"There is neither a program nor an answer. {EXPECTED}")
    if len(parts) > 1:
        kinds = " and ".join(f"{sum(part.kind == kind for part in parts)} {kind}s" for kind in ("program", "answer"))
        return Action("illegal", f"There are {kinds}. {EXPECTED}")
    if parts[0].kind == "program" and not parts[0].text.strip():
        return Action("illegal", f"The program is empty. {EXPECTED}")
    return parts[0]


def unfenced(text: str) -> str:
    """Code without the ``` fence around it, where there is one."""
    bare = text.strip()
    head, line_break, body = bare[3:-3].partition("\n")
    fenced = bare.startswith("```") and bare.endswith("```") and line_break
    return (body if fenced and head.strip().lower() in LANGUAGES else text).strip("\r\n")


def _parts(text: str) -> Iterator[Action]:
    """The programs and answers in a text, in their order; an opening that is never closed is no part."""
    unclosed: set[str] = set()
    position = 0
    while (opening := OPENING.search(text, position)) is not None:
        position = opening.end()
        mark = "```" if opening[0].startswith("`") else opening[0].lower()
        closing = None if mark in unclosed else CLOSING[mark].search(text, position)
        if closing is None:
            unclosed.add(mark)
            continue
        inside, position = text[position : closing.start()], closing.end()
        yield Action("answer", inside.strip()) if mark == "<answer>" else Action("program", unfenced(inside))
