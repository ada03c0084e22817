"""Plan on the tabletop, in LIBERO, in Meta-World.

gymnasium.make("sparring.envs:sparring/TabletopPlan-v0", fault=0.3, verifier="noisy+fp=0.1+fn=0.1")
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.code.split_rng import Split
from sparring.envs.robot.libero.control import LiberoControl
from sparring.envs.robot.metaworld.control import MetaWorldControl
from sparring.envs.robot.plan_settings import PlanOptions
from sparring.envs.robot.planning import PlanEnv
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.robotics.words import Subgoal

ARM_BUDGET = 150
"""Control steps of an attempt by an arm of six or seven joints."""


@registry.envs.register("sparring/TabletopPlan-v0", family="robot", skills=("planning", "language"), version="1")
class TabletopPlan(PlanEnv):
    """Plan what a gripper does on a table, while faults happen and a verifier watches.

    simulator, split, task: as of TabletopControl-v0. Everything else: the fields of `PlanSettings`.
    """

    metadata: dict[str, object] = {"name": "sparring/TabletopPlan-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        simulator: Simulator = "twin",
        split: Split = "train",
        task: str | None = None,
        **options: Unpack[PlanOptions],
    ) -> None:
        self.tabletop = TabletopControl(simulator, split, task)
        super().__init__(self.tabletop, **options)

    def walkthrough(self, seed: int) -> list[str]:
        """The shortest plan of a seed, as actions. Never shown to agents."""
        steps = [str(subgoal) for subgoal in self.plan(seed)]
        return ["\n".join(steps)] if self.settings.ask == "plan" else steps

    def plan(self, seed: int) -> tuple[Subgoal, ...]:
        """The shortest plan of a seed. Never shown to agents."""
        return self.tabletop.task_for(seed).plan


@registry.envs.register(
    "sparring/LiberoPlan-v0",
    family="robot",
    skills=("planning", "language"),
    version="1",
    extra="libero",
    host="process",
)
class LiberoPlan(PlanEnv):
    """Plan for a Panda arm in LIBERO's scenes, from their official initial states.

    suite, task: as of LiberoControl-v0. Everything else: the fields of `PlanSettings`; the budget is 150.
    """

    metadata: dict[str, object] = {"name": "sparring/LiberoPlan-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(self, suite: str = "libero_spatial", task: int | None = None, **options: Unpack[PlanOptions]) -> None:
        super().__init__(LiberoControl(suite, task), **PlanOptions(**{"budget": ARM_BUDGET, **options}))
        self.suite, self.task = suite, task

    def plan(self, seed: int) -> tuple[Subgoal, ...]:
        """The shortest plan of a seed, in a scene of its own. Never shown to agents."""
        return plan_of(LiberoControl(self.suite, self.task), seed)


@registry.envs.register(
    "sparring/MetaWorldPlan-v0",
    family="robot",
    skills=("planning", "language"),
    version="1",
    extra="metaworld",
    host="process",
)
class MetaWorldPlan(PlanEnv):
    """Plan for a Sawyer arm in those scenes of Meta-World whose task can be said in subgoals.

    task: as of MetaWorldControl-v0. Everything else: the fields of `PlanSettings`; the budget is 150.
    """

    metadata: dict[str, object] = {"name": "sparring/MetaWorldPlan-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(self, task: str = "drawer-open", **options: Unpack[PlanOptions]) -> None:
        super().__init__(MetaWorldControl(task), **PlanOptions(**{"budget": ARM_BUDGET, **options}))
        self.task = task

    def plan(self, seed: int) -> tuple[Subgoal, ...]:
        """The shortest plan of a seed, in a scene of its own. Never shown to agents."""
        return plan_of(MetaWorldControl(self.task), seed)


def plan_of(world: LiberoControl | MetaWorldControl, seed: int) -> tuple[Subgoal, ...]:
    """The shortest plan of a seed in a world that is closed afterwards."""
    try:
        world.reset(seed=seed)
        return world.shortest_plan
    finally:
        world.close()
