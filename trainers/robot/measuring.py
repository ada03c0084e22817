"""What an executor reaches: one attempt at every subgoal of the plans of unseen tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sparring.envs.robot.skills import reached
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.envs.robot.types import Executor
from sparring.robotics.skills import CONTRACTS
from sparring.robotics.words import Subgoal, Verb
from sparring.scoreboard.stats import Estimate, wilson
from sparring.types import derive_seed

Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Reached:
    """Shares with their 95 % intervals (Wilson's)."""

    tasks: Estimate
    """Tasks whose goal held at the end."""
    verbs: Mapping[Verb, Estimate]
    """Attempts whose subgoal was reached, by verb; a plan is left after the first that was not."""


def measure(
    executor: Executor, simulator: Simulator, tasks: int, seed: int, progress: Progress = lambda: None
) -> Reached:
    """Over tasks of the split "held_out". Raises MissingExtra without MuJoCo, and what the executor raises."""
    world = TabletopControl(simulator, "held_out")
    tried: dict[Verb, list[bool]] = {}
    solved = 0
    for task in range(tasks):
        world.reset(seed=derive_seed("held-out", seed, task))
        for subgoal in world.task.plan:
            done = attempt(world, executor, subgoal)
            tried.setdefault(subgoal.verb, []).append(done)
            if not done:
                break
        solved += world.solved()
        progress()
    world.close()
    return Reached(wilson(solved, tasks), {verb: wilson(sum(done), len(done)) for verb, done in tried.items()})


def attempt(world: TabletopControl, executor: Executor, subgoal: Subgoal, number: int = 0) -> bool:
    """Whether an executor reaches a subgoal within its budget; it is left some steps to retreat."""
    executor.begin(world, subgoal, number)
    for _ in range(CONTRACTS[subgoal.verb].budget):
        world.advance(executor.act(world))
        if reached(world, subgoal):
            break
    for _ in range(RETREAT if CONTRACTS[subgoal.verb].retreats else 0):
        world.advance(executor.act(world))
    return reached(world, subgoal)


RETREAT = 8
"""Control steps."""
