r"""Prompt templates, and the parsers that read the model's answer. A parser never raises, whatever the text.

`plain` takes all of the answer for the action: it stands in for `bracket` where an environment lists no action.
`boxed` is SPIRAL's (arXiv 2506.24119, Figure 7): reasoning, then the action in `\boxed{}`. `bracket` is short, for
small models and for decoding among the legal actions. A file of one's own is a template too (`read_template`). Each
says where in the answer an action would begin (`opening`), so that a model can be asked for its distribution over the
legal actions at that very place.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sparring import registry
from sparring.content import Blob, shown
from sparring.types import Observation

LONGEST_ACTION = 2_000
"""Characters; a longer answer is cut before it reaches the environment."""
LONGEST_TEXT = 20_000
"""Of a whole answer, which may be a program."""
OBSERVATION, LEGAL_ACTIONS, ACTION = "{observation}", "{legal_actions}", "{action}"
"""The places in a template: in its prompt, and in its answer."""
PLACE = re.compile(f"{OBSERVATION}|{LEGAL_ACTIONS}")
MOST_BYTES = 100_000
"""Of a file with a template."""


@dataclass(frozen=True, slots=True)
class Template:
    """How an observation becomes a conversation, and an answer an action."""

    name: str
    instruction: str
    """`{observation}` is where the observation goes, `{legal_actions}` where the actions go that are listed."""
    opening: str
    """The answer's text just before the action."""
    closing: str
    """The answer's text just after it."""
    parse: Callable[[str], str]
    """The action in an answer; "" where there is none."""
    system: str = ""
    """The system prompt; "" for none."""
    sha256: str = ""
    """Of the file that it was read from, in hex; "" for one of ours."""

    @property
    def lists_actions(self) -> bool:
        """Whether the prompt says which actions are listed."""
        return LEGAL_ACTIONS in self.instruction

    def messages(self, observation: str, actions: Sequence[str] = ()) -> list[Mapping[str, str]]:
        """The conversation that asks for one action; `actions` are those that the environment lists."""
        places = {OBSERVATION: observation, LEGAL_ACTIONS: ", ".join(actions) or "none is listed"}
        asked = PLACE.sub(lambda found: places[found[0]], self.instruction)
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": asked}]

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


FOR_OTHER_SEATS = {"boxed": replace(TEMPLATES["boxed"], instruction="Observation: {observation}\n" + BOXED_ANSWER)}
"""What stands in for a template that speaks of two players where there are more or fewer."""


def template_for(observation: Observation, chosen: Template) -> Template:
    """The template for an observation: the chosen one, or what takes its place where no action is listed."""
    if observation.legal_actions is None and observation.suggested_actions is None:
        return FOR_ANY_TEXT.get(chosen.name, chosen)
    return chosen


def template_for_game(env_id: str, chosen: Template, env_kwargs: Mapping[str, object] | None = None) -> Template:
    """The chosen template, or what takes its place where an environment has not the players that it speaks of."""
    try:
        seats = registry.envs.row(env_id).given(env_kwargs or {}).seats
    except (registry.UnknownName, ValueError):  # somebody plays by hand what nobody registered
        return chosen
    return chosen if seats == 2 else FOR_OTHER_SEATS.get(chosen.name, chosen)


def template(name: str) -> Template:
    """The template of that name, or of a file `....toml`. Raises UnknownName, and as `read_template`."""
    if name.endswith(".toml"):
        return read_template(Path(name))
    if name not in TEMPLATES:
        raise registry.UnknownName(registry.unknown("prompt template", name, [*TEMPLATES, "FILE.toml"]))
    return TEMPLATES[name]


def read_template(path: Path) -> Template:
    """A template of one's own, in TOML. `prompt` holds {observation}, and {legal_actions} where wanted; `answer` holds
    {action} between the words by which an action is found, "{action}" where the whole answer is one; `system` may be
    there. Raises ValueError naming file and place.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"the prompt template {str(path)!r} cannot be read: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path}: a prompt template must have at most {MOST_BYTES:,} bytes")
    try:
        said = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # of UTF-8 and of TOML
        raise ValueError(f"{path} is no TOML in UTF-8: {error}") from error
    prompt, answer, system = _texts_of(path, said)
    opening, _, closing = answer.partition(ACTION)
    parse = partial(parse_between, opening, closing)
    return Template(str(path), prompt, opening, closing, parse, system, hashlib.sha256(data).hexdigest())


def _texts_of(path: Path, said: Mapping[str, object]) -> tuple[str, str, str]:
    """Prompt, answer and system prompt. Raises ValueError naming the place."""
    known = ("prompt", "answer", "system")
    for key in said:
        if key not in known:
            raise ValueError(f"{path}: {registry.unknown('key', key, known)}")
    texts = [said.get(key, "") for key in known]
    for key, text in zip(known, texts, strict=True):
        if not isinstance(text, str):
            raise ValueError(f"{path}: {key} must be text, got {text!r:.80}")
    prompt, answer, system = map(str, texts)
    for key, text, place in (("prompt", prompt, OBSERVATION), ("answer", answer, ACTION)):
        if text.count(place) != 1:
            raise ValueError(f"{path}: {key} must hold {place} once, it holds it {text.count(place)} times")
    for place in re.findall(r"\{[a-z_]+\}", prompt):
        if not PLACE.fullmatch(place):
            raise ValueError(f"{path}: prompt: {registry.unknown('place', place, (OBSERVATION, LEGAL_ACTIONS))}")
    return prompt, answer, system


def parse_between(opening: str, closing: str, answer: str) -> str:
    """What stands between these two texts, the last time that both are there; with neither, all of the answer.

    An answer that starts inside (the opening was given) counts from its beginning.
    """
    opened, closed = opening.strip(), closing.strip()
    if not opened and not closed:
        return parse_plain(answer)
    if opened not in answer and (not closed or closed not in answer):
        return ""
    inside = answer.rpartition(opened)[2] if opened else answer
    said, ended, _ = inside.partition(closed) if closed else (inside, "the end", "")
    return said.strip()[:LONGEST_ACTION] if ended else ""
