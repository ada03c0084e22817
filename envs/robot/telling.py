"""The scene in words: what there is, what holds, and how the last subgoals went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sparring.envs.robot.procedure import Attempt
from sparring.robotics.words import Clause, Thing

WORDS = {
    "holding": "the gripper holds {0}",
    "in": "{0} is in {1}",
    "on": "{0} is on {1}",
    "at": "{0} is at {1}",
}


def said(clause: Clause) -> str:
    """A clause as a person says it: "red cube is in bin"."""
    pattern = WORDS.get(clause.name, "{0} is " + clause.name)
    return pattern.format(*clause.arguments)


def scene(things: Mapping[str, Thing], facts: Iterable[Clause]) -> str:
    """What there is, and what holds."""
    holds = "; ".join(map(said, facts)) or "nothing worth saying"
    return f"There is: {', '.join(things)}.\nNow: {holds}."


def outcome(subgoal: str, accepted: bool, attempts: Sequence[Attempt]) -> str:
    """How a subgoal went, as the verifier saw it."""
    tries = sum(attempt.kind == "try" for attempt in attempts)
    verdict = "reached" if accepted else "not reached"
    return f"{subgoal}: {verdict}" + (f" after {tries} tries" if tries > 1 else "")
