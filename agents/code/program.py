"""What a model writes to an environment that runs programs, and what comes back of it.

A CodeProgram (Tree-of-Code, arXiv 2412.15305) is one turn: reasoning in `<thought>`, then one whole program in
`<execute>`. Nothing that a model wrote is trusted: a reading never raises, and never guesses what a torn text meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sparring.answers.blocks import closed_blocks, first_opening, unfenced

THOUGHT = re.compile(r"</?thought>", re.IGNORECASE)
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
    block = next(closed_blocks(text, _after_thought(text)), None) or next(closed_blocks(text), None)
    if block is None:
        return CodeProgram(THOUGHT.sub("", text).strip(), "prose", text)
    thought = THOUGHT.sub("", text[: block.start]).strip()
    content = block.content.strip() if block.kind == "answer" else unfenced(block.content, any_fence=False)
    return CodeProgram(thought, block.kind, content)


def _after_thought(text: str) -> int:
    """The end of the first thought, if that begins before any block: thoughts name the tags."""
    opened, block = THOUGHT.search(text), first_opening(text)
    if opened is None or (block is not None and block < opened.start()):
        return 0
    closed = THOUGHT.search(text, opened.end())
    return closed.end() if closed else 0


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
