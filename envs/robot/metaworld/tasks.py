"""The 50 tasks of Meta-World, and how those that fit the six verbs are said.

A task whose movement is none of the verbs (hammering, sweeping, pressing a handle) has no plan: its goal is
`solved(task)`, and nothing in its scene is offered to a planner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparring.registry import UnknownName, unknown
from sparring.robotics.words import Clause, Relation, Subgoal, Thing, Verb

PLAIN = (
    "assembly basketball bin-picking box-close button-press button-press-topdown button-press-topdown-wall "
    "button-press-wall coffee-button coffee-pull coffee-push dial-turn disassemble door-close door-lock door-open "
    "door-unlock drawer-close drawer-open faucet-close faucet-open hammer hand-insert handle-press handle-press-side "
    "handle-pull handle-pull-side lever-pull peg-insert-side peg-unplug-side pick-out-of-hole pick-place "
    "pick-place-wall plate-slide plate-slide-back plate-slide-back-side plate-slide-side push push-back push-wall "
    "reach reach-wall shelf-place soccer stick-pull stick-push sweep sweep-into window-close window-open"
)
TASKS = tuple(PLAIN.split())
VERSION = "-v3"
MOVED: Mapping[str, tuple[str, Relation, str]] = {
    "assembly": ("ring", "on", "peg"),
    "basketball": ("ball", "in", "basket"),
    "bin-picking": ("cube", "in", "bin"),
    "box-close": ("lid", "on", "box"),
    "hand-insert": ("block", "in", "hole"),
    "peg-insert-side": ("peg", "in", "hole"),
    "pick-out-of-hole": ("puck", "on", "goal"),
    "pick-place": ("puck", "on", "goal"),
    "pick-place-wall": ("puck", "on", "goal"),
    "shelf-place": ("block", "on", "shelf"),
}
"""Tasks that pick up one thing and place it."""
SHIFTED: Mapping[str, tuple[Verb, str, str]] = {
    "coffee-button": ("turn on", "coffee machine", "turned on"),
    "door-close": ("close", "door", "closed"),
    "door-open": ("open", "door", "open"),
    "drawer-close": ("close", "drawer", "closed"),
    "drawer-open": ("open", "drawer", "open"),
    "faucet-close": ("close", "faucet", "closed"),
    "faucet-open": ("open", "faucet", "open"),
    "window-close": ("close", "window", "closed"),
    "window-open": ("open", "window", "open"),
}
"""Tasks of one step: the verb, the thing, and the predicate that then holds."""


@dataclass(frozen=True, slots=True)
class Said:
    """A task in words."""

    instruction: str
    goal: tuple[Clause, ...]
    things: Mapping[str, Thing]
    plan: tuple[Subgoal, ...]
    """The shortest plan; empty where the verbs do not say it."""


def task_name(task: object) -> str:
    """ "reach-v3" and "reach" are "reach". Raises UnknownName with the nearest names."""
    name = str(task).removesuffix(VERSION)
    if name not in TASKS:
        raise UnknownName(unknown("task of Meta-World", str(task), TASKS))
    return name


def said_of(task: str) -> Said:
    """How a task is said."""
    if task in MOVED:
        thing, relation, where = MOVED[task]
        things = {thing: Thing(thing, frozenset({"pick up"})), where: Thing(where, frozenset(), relation)}
        plan = (Subgoal("pick up", thing), Subgoal("place", thing, relation, where))
        return Said(f"place the {thing} {relation} the {where}", (Clause(relation, (thing, where)),), things, plan)
    if task in SHIFTED:
        verb, thing, predicate = SHIFTED[task]
        things = {thing: Thing(thing, frozenset({verb}))}
        return Said(f"{verb} the {thing}", (Clause(predicate, (thing,)),), things, (Subgoal(verb, thing),))
    return Said(f"do the task {task.replace('-', ' ')}", (Clause("solved", (task,)),), {}, ())
