"""The tabletop by MuJoCo."""

from __future__ import annotations

from sparring.envs.robot.tabletop.tasks import Task


class Physics:
    """Bodies that MuJoCo moves."""

    simulator = "mujoco"
    cameras = ("top", "front", "wrist")

    def __init__(self, task: Task) -> None:
        raise NotImplementedError("written next")
