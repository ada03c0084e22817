r"""Prompt templates, and the parsers that read the model's answer. A parser never raises, whatever the text.

`plain` takes all of the answer for the action: it stands in for `bracket` where an environment lists no action.
`boxed` is SPIRAL's (arXiv 2506.24119, Figure 7): reasoning, then the action in `\boxed{}`. `bracket` is short, for
small models and for decoding among the legal actions. Each says where in the answer an action would begin (`opening`),
so that a model can be asked for its distribution over the legal actions at that very place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sparring import registry
from sparring.content import Blob, shown
from sparring.types import Observation

LONGEST_ACTION = 2_000
"""Characters; a longer answer is cut before it reaches the environment."""
LONGEST_TEXT = 20_000
"""Of a whole answer, which may be a program."""


@dataclass(frozen=True, slots=True)
class Template:
    """How an observation becomes a conversation, and an answer an action."""

    name: str
    instruction: str
    """`{observation}` is where the observation goes."""
    opening: str
    """The answer's text just before the action."""
    closing: str
    """The answer's text just after it."""
    parse: Callable[[str], str]
    """The action in an answer; "" where there is none."""

    def messages(self, observation: str) -> list[Mapping[str, str]]:
        """The conversation that asks for one action."""
        return [{"role": "user", "content": self.instruction.replace("{observation}", observation)}]

    def answer(self, action: str) -> str:
        """The shortest answer that says an action."""
        return f"{self.opening}{action}{self.closing}"


def readable(observation: Observation) -> str:
    """The text of an observation, with a line on an illegal action before it that was answered by asking again.

    Raises ValueError where it shows arrays only: the models here read text.
    """
    text = observation.text
    rejected = observation.info.get("illegal_action")
    if isinstance(rejected, str):
        text += f"\n{rejection(rejected, listed=bool(observation.legal_actions))}"
    if not text and any(isinstance(part, Blob) for part in observation.content):
        blobs = ", ".join(shown(part) for part in observation.content)
        raise ValueError(f"the observation shows no text ({blobs}), and a language model here reads nothing else")
    return text


def rejection(action: str, *, listed: bool) -> str:
    """The line on an illegal action. `listed`: whether the observation lists the legal ones."""
    said = f"Your last action, {action}, was illegal" if action.strip() else "Your last answer held no action"
    return f"{said}: {'choose one of the legal actions.' if listed else 'it was not played. Try another one.'}"


def parse_boxed(answer: str) -> str:
    r"""The content of the last `\boxed{...}`, braces balanced; "" where there is none."""
    start = answer.rfind("\\boxed{")
    if start < 0:
        return ""
    depth, first = 0, start + len("\\boxed{")
    for position in range(first - 1, min(len(answer), first + LONGEST_ACTION)):
        depth += {"{": 1, "}": -1}.get(answer[position], 0)
        if depth == 0:
            return answer[first:position].strip()
    return ""


def parse_bracket(answer: str) -> str:
    """The content of the only bracket pair, or the last of several equal ones; two different ones are no answer.

    An answer that starts inside a bracket (the opening was given) counts from its beginning.
    """
    head, closed, _ = answer.partition("]")
    if closed and "[" not in head:
        return head.strip()[:LONGEST_ACTION]
    found = {match.strip() for match in re.findall(r"\[([^\[\]]{1,2000})\]", answer)}
    return found.pop() if len(found) == 1 else ""


def parse_plain(answer: str) -> str:
    """All of the answer."""
    return answer.strip()[:LONGEST_TEXT]


def parse_boxed_or_all(answer: str) -> str:
    r"""The content of the last `\boxed{...}`; all of the answer where there is none."""
    return parse_boxed(answer) or parse_plain(answer)


BOXED_ANSWER = "Please reason step by step, and put your final answer within \\boxed{}."
TEMPLATES = {
    "boxed": Template(
        name="boxed",
        instruction=(
            "You are playing a two-player zero-sum game. Make valid actions to win.\nObservation: {observation}\n"
            f"{BOXED_ANSWER}"
        ),
        opening="\\boxed{",
        closing="}",
        parse=parse_boxed,
    ),
    "bracket": Template(name="bracket", instruction="{observation}", opening="[", closing="]", parse=parse_bracket),
    "plain": Template(name="plain", instruction="{observation}", opening="", closing="", parse=parse_plain),
}
FOR_ANY_TEXT = {
    "bracket": TEMPLATES["plain"],
    "boxed": replace(TEMPLATES["boxed"], instruction="{observation}\n" + BOXED_ANSWER, parse=parse_boxed_or_all),
}
"""What stands in for a template where an environment lists no action: a program or a sentence may be one."""


def template_for(observation: Observation, chosen: Template) -> Template:
    """The template for an observation: the chosen one, or what takes its place where no action is listed."""
    if observation.legal_actions is None and observation.suggested_actions is None:
        return FOR_ANY_TEXT.get(chosen.name, chosen)
    return chosen


def template(name: str) -> Template:
    """The template of that name. Raises UnknownName with the nearest."""
    if name not in TEMPLATES:
        raise registry.UnknownName(registry.unknown("prompt template", name, TEMPLATES))
    return TEMPLATES[name]
