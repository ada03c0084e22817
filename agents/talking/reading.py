"""What a model's answer says: the thought, and the action. Nothing is guessed, and nothing raises.

An answer that cannot be read goes to the environment as it is, and is illegal there.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.agents.prompts import parse_boxed, parse_bracket
from sparring.agents.talking.prompts import Kind
from sparring.agents.talking.tools import OPEN, tool_call_in

MARK = "Action:"
THOUGHT = "Thought:"
OBSERVATION = "\nObservation:"
"""A model that goes on with an observation that it made up has ended its action."""


def read(kind: Kind, text: str, legal: Sequence[str] | None, tools: bool = False) -> tuple[str, str]:
    """(thought, action). `legal`: the legal actions where they are finite; `tools`: whether there are any to call."""
    if kind == "chat":
        return "", action_in(text, legal, tools)
    before, mark, after = text.rpartition(MARK)
    if mark:
        return thought_of(before), action_in(after.partition(OBSERVATION)[0], legal, tools)
    if tools and (call := tool_call_in(text)):
        return thought_of(text.partition(OPEN)[0] if OPEN in text else ""), call
    return "", text.strip()


def thought_of(text: str) -> str:
    """The thought without its heading."""
    return text.strip().removeprefix(THOUGHT).strip()


def action_in(text: str, legal: Sequence[str] | None, tools: bool = False) -> str:
    """A tool call; a legal action, alone or as the only one in brackets or the last one in a box; else the whole text,
    which is the action where the environment takes any text.
    """
    text = text.strip()
    if tools and (call := tool_call_in(text)):
        return call
    if not legal or text in legal:
        return text
    found = parse_bracket(text[text.index("[") :]) if "[" in text else ""
    found = found or parse_boxed(text) or text
    return f"[{found}]" if found not in legal and f"[{found}]" in legal else found
