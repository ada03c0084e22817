"""Meta-World's own scripted policies as an executor: one for each of the 50 tasks."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np

from sparring.envs.robot.metaworld.control import MetaWorldControl
from sparring.envs.robot.metaworld.tasks import VERSION
from sparring.envs.robot.types import Array, World
from sparring.registry import require
from sparring.robotics.words import Subgoal


class PackagedPolicies:
    """Follows the policy of the task, whichever of its subgoals is asked for: the policies know the whole task only."""

    name = "scripted"

    def begin(self, world: World, subgoal: Subgoal | None = None, attempt: int = 0) -> None:
        """A new attempt; all attempts are alike."""
        bare = getattr(world, "unwrapped", world)
        if not isinstance(bare, MetaWorldControl):
            raise ValueError("PackagedPolicies works in sparring/MetaWorldControl-v0 only")
        policies: Any = require("metaworld.policies", "metaworld").ENV_POLICY_MAP
        self._policy = policies[bare.name + VERSION]()

    def act(self, world: World) -> Array:
        """The next action, clipped as Meta-World does."""
        bare = cast(MetaWorldControl, getattr(world, "unwrapped", world))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the policies ask for more than 1 and say so
            action = self._policy.get_action(bare.observed)
        return np.clip(np.asarray(action, np.float32), -1.0, 1.0)
