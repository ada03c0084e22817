"""What an agent that talks is told beside the observation: how to answer, and which actions are open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

from sparring.types import Observation

Kind = Literal["chat", "react"]
"""chat: the answer is the action. react: a thought, then the action (ReAct, arXiv 2210.03629)."""
SYSTEM = {
    "chat": "You act in an environment. Each message is what you see. Answer with your next action.",
    "react": (
        "You act in an environment. Each message is what you see. Think, then act. Answer in this form:\n"
        "Thought: what you think\nAction: your next action"
    ),
}
MOST_LISTED, MOST_CHARACTERS = 50, 600
"""Actions, and characters of them, that a message lists."""
CHARACTERS_PER_TOKEN = 16
"""Of a text that is far too long, no more than this is turned into tokens to find out how much of it fits."""

Count = Callable[[str], int]
"""How many tokens a text has."""


def offers(observation: Observation) -> str:
    """The actions that are open, and how one is written; "" where any text may be an action."""
    if observation.legal_actions:
        return f"{_legal(observation.text, observation.legal_actions)}Write one legal action in brackets."
    if observation.suggested_actions:
        return _listed("Some of the actions that are accepted", observation.suggested_actions)
    return ""


def bracketed(action: str) -> str:
    """The action in brackets, unless it has its own."""
    return action if action.startswith("[") and action.endswith("]") else f"[{action}]"


def left_out(turns: int) -> str:
    """What stands after the first observation where later turns are not shown."""
    return f"\n\n[{turns} earlier turn{' is' if turns == 1 else 's are'} left out here.]"


def content(text: str, offered: str, room: int, count: Count) -> str:
    """A message of at most `room` tokens: what is seen, then the actions that are open."""
    seen = text if text.strip() else "(The observation has no text.)"
    if not offered:
        return fit(seen, room, count)
    offered = "\n\n" + fit(offered, room // 2, count)
    return fit(fit(seen, room - count(offered), count) + offered, room, count)


def fit(text: str, room: int, count: Count) -> str:
    """The text where it has at most `room` tokens; else its beginning and end, and how much is left out between."""
    most = max(0, CHARACTERS_PER_TOKEN * room)
    if len(text) <= most and count(text) <= room:
        return text
    kept = min(len(text) - 1, most)
    while kept > 0 and (tokens := count(_cut(text, kept))) > room:
        kept = min(kept - 1, kept * max(room, 0) * 9 // (10 * tokens))
    return _cut(text, max(kept, 0))


def _cut(text: str, kept: int) -> str:
    head = kept - kept // 2
    marker = f"\n[... {len(text) - kept:,} characters are left out ...]\n"
    return text[:head] + marker + text[len(text) - kept // 2 :]


def _legal(text: str, actions: Sequence[str]) -> str:
    """The legal actions as a line, where the observation does not list them itself."""
    shown = [bracketed(action) for action in actions]
    return "" if all(action in text for action in shown) else f"{_listed('Legal actions', shown)}\n"


def _listed(what: str, actions: Sequence[str]) -> str:
    """The first actions, as many as there is room for, and how many more there are."""
    lengths = accumulate(len(action) for action in actions[:MOST_LISTED])
    shown = actions[: sum(length <= MOST_CHARACTERS for length in lengths)]
    rest = len(actions) - len(shown)
    return f"{what}: {', '.join(shown)}" + (f" (and {rest} more)" if rest else "")
