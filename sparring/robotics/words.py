"""What is said of manipulation: things, clauses that hold or do not, and subgoals in six forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Verb = Literal["pick up", "place", "open", "close", "turn on", "turn off"]
VERBS: tuple[Verb, ...] = get_args(Verb)
Relation = Literal["in", "on"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)


@dataclass(frozen=True, slots=True)
class Clause:
    """A ground predicate: `on(red cube, bin)`."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that has a name in the text, and what can be done with it."""

    name: str
    verbs: frozenset[Verb] = frozenset()
    """Of these, "place" never: it is `holds` that says where things can be placed."""
    holds: Relation | None = None
    """Whether things can be placed in it, or on it; None: neither."""


@dataclass(frozen=True, slots=True)
class Subgoal:
    """One step of a plan, in one of the six forms of Agentic Robot (arXiv 2505.23450)."""

    verb: Verb
    thing: str
    relation: Relation | None = None
    where: str | None = None
    """`relation` and `where` of "place" only."""

    def __str__(self) -> str:
        return f"{self.verb} {self.thing}" + (f" {self.relation} {self.where}" if self.where else "")
