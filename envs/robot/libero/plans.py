"""The shortest plan for a goal of LIBERO: what must be open is opened first, what must be closed is closed last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sparring.envs.robot.libero.scene import Part
from sparring.robotics.words import Clause, Subgoal, Verb

VERBS: Mapping[str, Verb] = {"open": "open", "closed": "close", "turned on": "turn on", "turned off": "turn off"}
TOO_FLAT = "plate"
"""What lies too flat for the fingers and is pushed across the table: placed without being picked up."""


def shortest_plan(
    goal: Sequence[Clause], parts: Mapping[str, Part], holds: Callable[[Clause], bool]
) -> tuple[Subgoal, ...]:
    """The steps to a goal from the state in which `holds` says what is true."""
    first: list[Subgoal] = []
    moves: list[Subgoal] = []
    last: list[Subgoal] = []
    for clause in goal:
        if clause.name in ("on", "in"):
            thing, where = clause.arguments
            opened = Clause("open", (where,))
            if "open" in parts[where].called and not holds(opened):
                first.append(Subgoal("open", where))
            moves += _moving(clause, thing, where, parts[where])
        else:
            step = Subgoal(VERBS[clause.name], clause.arguments[0])
            (last if step.verb == "close" else first).append(step)
    return tuple(dict.fromkeys([*first, *moves, *last]))


def _moving(clause: Clause, thing: str, where: str, part: Part) -> list[Subgoal]:
    placing = Subgoal("place", thing, "in" if clause.name == "in" else "on", where)
    pushed = TOO_FLAT in thing.split() and "at" in part.called
    return [placing] if pushed else [Subgoal("pick up", thing), placing]
