"""What a model writes to an environment that runs programs, and what comes back of it.

A CodeProgram (Tree-of-Code, arXiv 2412.15305) is one turn: reasoning in `<thought>`, then one whole program in
`<execute>`. Nothing that a model wrote is trusted: a reading never raises, and never guesses what a torn text meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

OPENING = re.compile(r"<execute>|<answer>|```[ \t]*(?:python3?|py)[ \t]*\r?\n", re.IGNORECASE)
CLOSING = {
    "<execute>": re.compile(r"</execute>", re.IGNORECASE),
    "<answer>": re.compile(r"</answer>", re.IGNORECASE),
    "```": re.compile(r"^[ \t]*```", re.MULTILINE),
}
THOUGHT = re.compile(r"</?thought>", re.IGNORECASE)
FENCE = re.compile(r"\A\s*```(?:python|py)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
TURNS_LEFT = re.compile(r"^Turns left: (\d{1,9})$", re.MULTILINE)
LONGEST_PROSE = 2_000
"""Characters of a text without a program that still reach the environment."""


@dataclass(frozen=True, slots=True)
class CodeProgram:
    """A model's text as it is understood."""

    thought: str
    """The text before the block, without its tags."""
    kind: Literal["program", "answer", "prose"]
    content: str
    """The program, the answer, or for prose the whole text."""

    @property
    def action(self) -> str:
        """What the environment is given."""
        if self.kind == "program":
            return f"<execute>\n{self.content}\n</execute>"
        return f"<answer>{self.content}</answer>" if self.kind == "answer" else self.content[:LONGEST_PROSE]


@dataclass(frozen=True, slots=True)
class Feedback:
    """The observation after a program."""

    status: str
    """ok, nonzero, signal, timeout, memory, output_limit, illegal; unknown where the text does not say."""
    output: str
    turns_left: int | None = None

    @property
    def result(self) -> str:
        """The last line of the output that is not empty."""
        return next((line.strip() for line in reversed(self.output.splitlines()) if line.strip()), "")


def read_program(text: str) -> CodeProgram:
    """The first closed block behind the thought, or inside it where there is none behind; in time linear in the text.

    Whatever follows that block is ignored: models like to go on with an output that they made up.
    """
    found = _first_block(text, _after_thought(text)) or _first_block(text, 0)
    if found is None:
        return CodeProgram(THOUGHT.sub("", text).strip(), "prose", text)
    opening, content = found
    thought = THOUGHT.sub("", text[: opening.start()]).strip()
    if opening[0].lower() == "<answer>":
        return CodeProgram(thought, "answer", content.strip())
    return CodeProgram(thought, "program", _unfenced(content))


def _after_thought(text: str) -> int:
    """The end of the first thought, if that begins before any block: thoughts name the tags."""
    opened, block = THOUGHT.search(text), OPENING.search(text)
    if opened is None or (block is not None and block.start() < opened.start()):
        return 0
    closed = THOUGHT.search(text, opened.end())
    return closed.end() if closed else 0


def _first_block(text: str, position: int) -> tuple[re.Match[str], str] | None:
    """The first opening that is closed, and what stands between."""
    unclosed: set[str] = set()
    while (opening := OPENING.search(text, position)) is not None:
        position = opening.end()
        mark = "```" if opening[0].startswith("`") else opening[0].lower()
        closing = None if mark in unclosed else CLOSING[mark].search(text, position)
        if closing is not None:
            return opening, text[position : closing.start()]
        unclosed.add(mark)
    return None


def read_feedback(text: str) -> Feedback:
    """Status, output and turns left of an observation after a program."""
    head, found, output = text.partition("\nOutput:")
    status = re.match(r"Status: (\w+)", head)
    left = TURNS_LEFT.search(head)
    return Feedback(
        status=status[1] if status else "unknown",
        output=(output if found else "").strip("\n"),
        turns_left=int(left[1]) if left else None,
    )


def _unfenced(code: str) -> str:
    inner = FENCE.match(code)
    return (inner[1] if inner else code).strip("\r\n")
