"""Moves of LIBERO's arm: the hand is led to a pose by small wishes, as robosuite's controller takes them."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.types import Array, Point

Turn = npt.NDArray[np.float64]
"""[3, 3]: a rotation matrix."""
Moves = Generator[Array, None, None]
"""Actions, one a control step."""
OPEN, SHUT = -1.0, 1.0
GAIN, TURNING = 20.0, 2.0
"""Wishes a metre, and a radian, of the distance that is left."""
DOWN: Turn = np.diag([1.0, -1.0, -1.0])
"""How the hand points at the table; its fingers close along y."""


def yawed(yaw: float) -> Turn:
    """The hand pointing down, turned about the vertical."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn: Turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ DOWN
    return turn


def go(
    sim: Simulator, target: Point, turn: Turn, grip: float, near: float = 0.01, most: int = 45, slow: float = 1.0
) -> Moves:
    """Lead the hand to a pose, until it is within `near` metres or `most` steps have passed."""
    for _ in range(most):
        off, tilt = target - sim.hand, _difference(turn, sim.turn)
        if float(np.linalg.norm(off)) < near and float(np.linalg.norm(tilt)) < 0.12:
            return
        yield _action(off, tilt, grip, slow)


def hold(sim: Simulator, turn: Turn, grip: float, steps: int) -> Moves:
    """Stay where the hand is, and work the fingers."""
    place = sim.hand
    for _ in range(steps):
        yield _action(place - sim.hand, _difference(turn, sim.turn), grip, 1.0)


def _action(off: Point, tilt: Point, grip: float, slow: float) -> Array:
    move = np.clip(off * GAIN, -slow, slow)
    return np.array([*move, *np.clip(tilt * TURNING, -slow, slow), grip], np.float32)


def _difference(wanted: Turn, has: Turn) -> Point:
    """[3]: the turn from one pose to another, an axis times an angle, radians."""
    turn = wanted @ has.T
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = np.linalg.norm(axis) / 2, (np.trace(turn) - 1) / 2
    angle = np.arctan2(sine, cosine)
    if sine < 1e-6:
        return np.zeros(3)
    way: Point = axis / (2 * sine) * angle
    return way
