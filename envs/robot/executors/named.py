"""Executors by name."""

from __future__ import annotations

from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.types import Executor, World


def executor_of(spec: str, world: World) -> Executor:
    """The executor of a spec for a world."""
    return ScriptedTabletop()
