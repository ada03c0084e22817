"""The grammar of subgoals: six forms, read from anything that a model may write.

    pick up [object]          place [object] in [place]     place [object] on [place]
    open [object]             close [object]                turn on [device]      turn off [device]

These are the atomic skills of Agentic Robot (arXiv 2505.23450). Its release reads a numbered list by one regular
expression; here a plan may be numbered, bulleted, JSON or one step a line. A line that is none of the forms is said to
be wrong, and never guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast

from sparring.robotics.words import VERBS, Relation, Subgoal, Thing, Verb

FORMS = "pick up X; place X in Y; place X on Y; open X; close X; turn on X; turn off X"
MOST_READ = 20_000
"""Characters of a text that are looked at."""
FENCE = "```"
"""What a model writes around a block; such lines say nothing."""
MOST_STEPS = 50
"""Lines of a plan that are read."""
MARK = re.compile(r"^\s*(?:(?:step\s*)?\d{1,3}\s*[.):]|[-*•])\s*", re.IGNORECASE)
ARTICLE = re.compile(r"\b(?:the|a|an)\s+", re.IGNORECASE)
STEP = re.compile(rf"({'|'.join(VERBS)})\s+(.+)", re.IGNORECASE)
RELATION: Mapping[str, Relation] = {"in": "in", "into": "in", "inside": "in", "on": "on", "onto": "on"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that is no subgoal of this world, and why."""

    line: str
    why: str


def parse_plan(text: str, things: Mapping[str, Thing]) -> list[Subgoal | Wrong]:
    """The steps of a plan, in order; never raises for a text. An empty plan is an empty list."""
    if len(text) > MOST_READ:
        return [Wrong(text[:80], f"a plan has at most {MOST_READ} characters, and this has {len(text)}")]
    lines = list(islice(_lines(text), MOST_STEPS + 1))
    if len(lines) > MOST_STEPS:
        return [Wrong(lines[-1][:80], f"a plan has at most {MOST_STEPS} steps")]
    return [parse_step(line, things) for line in lines]


def parse_step(line: str, things: Mapping[str, Thing]) -> Subgoal | Wrong:
    """One step, whose things are known and can be used so."""
    shown = line.strip()[:80]
    found = STEP.fullmatch(_bare(line))
    if not found:
        return Wrong(shown, f"it is none of the forms: {FORMS}")
    verb = cast(Verb, found[1].lower())
    return _placing(shown, found[2], things) if verb == "place" else _simple(shown, verb, found[2], things)


def subgoals_of(things: Mapping[str, Thing]) -> Iterator[Subgoal]:
    """Every subgoal that makes sense of these things, whatever the state."""
    movable = [thing for thing in things.values() if "pick up" in thing.verbs]
    for thing in things.values():
        yield from (Subgoal(verb, thing.name) for verb in VERBS if verb in thing.verbs)
    for thing in movable:
        for place in things.values():
            if place.holds and place is not thing:
                yield Subgoal("place", thing.name, place.holds, place.name)


def _lines(text: str) -> Iterator[str]:
    listed = _listed(text)
    for line in text.splitlines() if listed is None else listed:
        for step in line.split(";"):
            if step.strip() and not step.strip().startswith(FENCE):
                yield step


def _listed(text: str) -> Iterable[str] | None:
    """The steps of a plan that is written as JSON: a list, or an object with one list in it."""
    start, end = text.find("["), text.rfind("]")
    if '"' not in text or not 0 <= start < end:
        return None
    try:
        said = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return [item for item in said if isinstance(item, str)] if isinstance(said, list) else None


def _bare(text: str) -> str:
    """Without its mark, brackets, articles and what closes a sentence; blanks are single."""
    words = MARK.sub("", text).replace("[", " ").replace("]", " ").replace("_", " ")
    return " ".join(ARTICLE.sub("", words).split()).strip(" .,:!\"'`*")


def _simple(line: str, verb: Verb, said: str, things: Mapping[str, Thing]) -> Subgoal | Wrong:
    thing = _named(said, things)
    if thing is None:
        return _unknown(line, said, things)
    if verb not in thing.verbs:
        able = [other.name for other in things.values() if verb in other.verbs]
        return Wrong(line, f"{thing.name} is nothing to {verb}; there is: {', '.join(able) or 'nothing'}")
    return Subgoal(verb, thing.name)


def _placing(line: str, said: str, things: Mapping[str, Thing]) -> Subgoal | Wrong:
    found = next((match for match in _splits(said) if _named(match[0], things)), None)
    if found is None:
        return Wrong(line, "it must say what is placed and where: place X in Y, or place X on Y")
    what, relation, target = found
    thing, where = _named(what, things), _named(target, things)
    if where is None or thing is None:
        return _unknown(line, target, things)
    if "pick up" not in thing.verbs:
        return Wrong(line, f"{thing.name} cannot be moved")
    if where.holds != relation or where is thing:
        able = [f"{place.holds} {place.name}" for place in things.values() if place.holds and place is not thing]
        return Wrong(line, f"nothing can be placed {relation} {where.name}; there is: {', '.join(able) or 'nowhere'}")
    return Subgoal("place", thing.name, relation, where.name)


def _splits(said: str) -> Iterator[tuple[str, Relation, str]]:
    """Every way to part "X in Y": names may hold "in" and "on" themselves."""
    for match in re.finditer(r"\s(in|on|into|onto|inside)(?: top of)?\s", said, re.IGNORECASE):
        yield said[: match.start()], RELATION[match[1].lower()], said[match.end() :]


def _named(said: str, things: Mapping[str, Thing]) -> Thing | None:
    name = _bare(said).lower()
    return next((thing for thing in things.values() if _bare(thing.name).lower() == name), None)


def _unknown(line: str, said: str, things: Mapping[str, Thing]) -> Wrong:
    return Wrong(line, f"there is no {said.strip()[:40]!r}; there is: {', '.join(things)}")
