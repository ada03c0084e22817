"""What a model writes to an environment that runs programs, and what comes back of it.

A CodeProgram (Tree-of-Code, arXiv 2412.15305) is one turn: reasoning in `<thought>`, then one whole program in
`<execute>`. Nothing that a model wrote is trusted: a reading never raises, and never guesses what a torn text meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sparring.answers.blocks import closed_blocks, first_opening, unfenced

THOUGHT = re.compile(r"</?thought>", re.IGNORECASE)
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
    """What an environment says of a program that it was given."""

    status: str
    """ok, nonzero, signal, timeout, memory, output_limit, illegal; unknown where the environment does not say."""
    output: str = ""
    """The last line that the program printed."""
    turns_left: int | None = None
    """How many turns follow; None where the environment does not say."""


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


def feedback_of(info: Mapping[str, object]) -> Feedback:
    """What an observation's info says: `execution` (`status`, `output`), `illegal`, `turns_left`."""
    execution, turns_left = info.get("execution"), info.get("turns_left")
    left = turns_left if isinstance(turns_left, int) else None
    if not isinstance(execution, Mapping):
        return Feedback("illegal" if info.get("illegal") else "unknown", turns_left=left)
    return Feedback(str(execution.get("status", "unknown")), str(execution.get("output", "")), left)
