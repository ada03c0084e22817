"""What a model's text asks for: one program to run, or one final answer, or nothing that can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sparring.answers.blocks import Block, closed_blocks, unfenced

MAX_ACTION_LENGTH = 100_000
"""Characters of an action; a longer one is illegal."""
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
    blocks = list(closed_blocks(text))
    if not blocks:
        return Action("illegal", f"There is neither a program nor an answer. {EXPECTED}")
    if len(blocks) > 1:
        kinds = " and ".join(f"{sum(block.kind == kind for block in blocks)} {kind}s" for kind in ("program", "answer"))
        return Action("illegal", f"There are {kinds}. {EXPECTED}")
    action = _action_of(blocks[0])
    if action.kind == "program" and not action.text.strip():
        return Action("illegal", f"The program is empty. {EXPECTED}")
    return action


def _action_of(block: Block) -> Action:
    text = block.content.strip() if block.kind == "answer" else unfenced(block.content, any_fence=True)
    return Action(block.kind, text)
