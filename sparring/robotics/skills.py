"""The contracts of the six skills: what must hold before, what holds after, how long it may take, how to recover.

Agentic Robot (arXiv 2505.23450) names the skills and the three questions its verifier asks. Here the questions are
clauses that a world can evaluate, so that a verdict is right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparring.robotics.words import Clause, Subgoal, Verb


@dataclass(frozen=True, slots=True)
class SkillContract:
    """One skill."""

    question: str
    """What a verifier is asked, about {thing} and {where}."""
    needs_held: bool
    """Whether the thing must be in the hand before (True), or the hand empty (False)."""
    budget: int
    """Control steps of one attempt, in units of the tabletop; a world may scale them."""
    retreats: bool
    """Whether the hand must leave the thing before the skill is done: a placed thing is let go."""


CONTRACTS: Mapping[Verb, SkillContract] = {
    "pick up": SkillContract("Is {thing} grasped and lifted?", False, 70, False),
    "place": SkillContract("Is {thing} {relation} {where}, and has the gripper let it go?", True, 70, True),
    "open": SkillContract("Is {thing} open?", False, 70, True),
    "close": SkillContract("Is {thing} closed?", False, 70, True),
    "turn on": SkillContract("Is {thing} turned on?", False, 70, True),
    "turn off": SkillContract("Is {thing} turned off?", False, 70, True),
}
STATES: Mapping[Verb, str] = {"open": "open", "close": "closed", "turn on": "turned on", "turn off": "turned off"}


def question_of(subgoal: Subgoal) -> str:
    """What a verifier is asked about a subgoal."""
    asked = CONTRACTS[subgoal.verb].question
    return asked.format(thing=subgoal.thing, relation=subgoal.relation, where=subgoal.where)


def postcondition(subgoal: Subgoal) -> Clause:
    """The clause that holds when a subgoal is reached."""
    if subgoal.verb == "pick up":
        return Clause("holding", (subgoal.thing,))
    if subgoal.verb == "place":
        assert subgoal.relation is not None
        assert subgoal.where is not None
        return Clause(subgoal.relation, (subgoal.thing, subgoal.where))
    return Clause(STATES[subgoal.verb], (subgoal.thing,))


def repair(subgoal: Subgoal) -> Subgoal | None:
    """What restores the precondition of a subgoal that failed; None: it can be tried again as it is."""
    return Subgoal("pick up", subgoal.thing) if CONTRACTS[subgoal.verb].needs_held else None
