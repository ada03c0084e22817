"""Whether a subgoal is reached, by the world's own account."""

from __future__ import annotations

from sparring.envs.robot.types import World
from sparring.robotics.skills import postcondition
from sparring.robotics.words import Clause, Subgoal


def reached(world: World, subgoal: Subgoal) -> bool:
    """Whether a subgoal is reached, by the world's own account."""
    if not world.evaluate(postcondition(subgoal)):
        return False
    return subgoal.verb != "place" or not world.evaluate(Clause("holding", (subgoal.thing,)))
