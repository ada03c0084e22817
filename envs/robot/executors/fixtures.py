"""Opening, closing and turning what is fixed: drawers, a microwave, the knob of a stove."""

from __future__ import annotations

from sparring.envs.robot.executors.moves import Moves
from sparring.envs.robot.libero.scene import Part
from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.types import Verb


def shift_fixture(sim: Simulator, part: Part, verb: Verb, attempt: int) -> Moves:
    """Open, close or turn it."""
    return
    yield
