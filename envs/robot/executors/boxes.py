"""The shape of things in LIBERO, as its collision boxes stand now, and where a gripper could take hold of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sparring.envs.robot.libero.grip import geoms_below
from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.types import Point

Corners = npt.NDArray[np.float64]
"""[boxes, 8, 3]: metres."""
SIGNS = np.array(list(product((-1.0, 1.0), repeat=3)))
WIDEST = 0.072
"""Metres that fit between the open fingers, with a little to spare."""
FINGER = 0.012
"""Half the width of a finger, metres."""
REACH = 0.035
"""How far below the top of a tall thing the fingers take hold, metres."""
RIM = 0.014
"""The same, of a rim."""
TURNS = (0.0, 0.5, 1 / 12, -1 / 12, 1 / 6, -1 / 6, 0.25, -0.25)
"""Half turns between the thing and the fingers."""
SHIFTS = (0.0, 0.02, -0.02)
"""Metres from its middle."""
SPARE = 0.004
"""Metres of air that the open hand should have."""
FINGERS = list(product((-0.055, -0.043, 0.043, 0.055), (-FINGER, 0.0, FINGER), (-0.008, 0.012, 0.032)))
PALM = list(product(np.linspace(-0.1, 0.1, 5), (-0.035, 0.0, 0.035), (0.05, 0.08, 0.13, 0.18, 0.23)))
HAND = np.array(FINGERS + PALM)
"""[points, 3]: the open hand and the way on which it comes down, from the point between its fingers: along their way,
across it, up; metres."""


@dataclass(frozen=True, slots=True)
class Grasp:
    """Where the point between the fingers is to be, and the direction in which they close."""

    at: Point
    yaw: float
    """Of the hand, radians, within a quarter turn; at 0 the fingers close along y."""
    cost: float
    """How unlike the best way to hold it: 0 is across its middle."""


def corners_of(sim: Simulator, body: int) -> Corners:
    """The corners of a body's collision boxes, and of those of what hangs from it."""
    geoms = [
        geom
        for geom in geoms_below(sim.model, body)
        if sim.model.geom_contype[geom] or sim.model.geom_conaffinity[geom]
    ]
    turns, places = sim.data.geom_xmat[geoms].reshape(-1, 3, 3), sim.data.geom_xpos[geoms]
    sizes = sim.model.geom_size[geoms]
    corners: Corners = places[:, None] + np.einsum("gij,gkj->gki", turns, SIGNS[None] * sizes[:, None])
    return corners


def grasps_of(corners: Corners, middle: Point, turned: float, others: Corners) -> list[Grasp]:
    """Ways to take hold of a thing, the most promising first; never empty.

    `middle` [3]: of the thing; `turned`: its own yaw, radians; `others`: the boxes of what must not be hit.
    """
    across = list(_across(corners, middle, turned))
    rims = list(_rims(corners, middle))
    known = sorted(across + rims, key=lambda grasp: _price(grasp, others))
    return known or [Grasp(np.array([middle[0], middle[1], _height(corners)]), 0.0, 0.0)]


def freest_yaw(at: Point, others: Corners) -> float:
    """The yaw at which a hand there hits least, radians."""
    return min((0.0, np.pi / 2, np.pi / 4, -np.pi / 4), key=lambda yaw: _price(Grasp(at, yaw, 0.0), others))


def top_of(corners: Corners) -> float:
    """Metres."""
    return float(corners[..., 2].max())


def bottom_of(corners: Corners) -> float:
    """Metres."""
    return float(corners[..., 2].min())


def _height(corners: Corners) -> float:
    top, bottom = top_of(corners), bottom_of(corners)
    return max((top + bottom) / 2, top - REACH, bottom + 0.008)


def _across(corners: Corners, middle: Point, turned: float) -> Iterator[Grasp]:
    """The whole thing, or a narrow top of it, between the fingers."""
    flat = corners[..., :2].reshape(-1, 2)
    centre, usual = (flat.max(0) + flat.min(0)) / 2, _height(corners)
    for height, turn, shift in product((usual, top_of(corners) - RIM), TURNS, SHIFTS):
        angle = turned + turn * np.pi
        along, side = _axes(angle)
        place = centre + side * shift
        low, high = _span(corners, place, along, side, height)
        if height >= usual and 0.0 < high - low < WIDEST:
            far = 0.2 * abs(shift) / SHIFTS[1] + 0.4 * min(abs(turn), abs(0.5 - abs(turn))) / 0.25
            cost = far + 0.4 * (height > usual)
            yield Grasp(np.array([*(place + along * (low + high) / 2), height]), _yaw(angle), cost)


def _rims(corners: Corners, middle: Point) -> Iterator[Grasp]:
    """A wall between the fingers: one outside, one inside."""
    top = top_of(corners)
    for angle in (-np.pi / 2, np.pi / 2, 0.0, np.pi, -np.pi / 4, np.pi / 4, 3 * np.pi / 4, -3 * np.pi / 4):
        along, side = _axes(angle)
        flat = corners[..., :2] - middle[:2]
        reaches = (np.abs(flat @ side).min(1) < FINGER) & (corners[..., 2].max(1) > top - 2 * RIM)
        if reaches.any():
            wall = (flat @ along)[reaches]
            outside = float(wall.max())
            thick = wall[wall.max(1) > outside - 0.012]
            inside = max(float(thick.min()), outside - 0.02)
            if outside > 0.02:
                place = middle[:2] + along * (outside + inside) / 2
                yield Grasp(np.array([*place, top - RIM]), _yaw(angle), 0.5)


def _span(corners: Corners, centre: Corners, along: Corners, side: Corners, height: float) -> tuple[float, float]:
    """From where to where a thing reaches between the fingers, at the height of the grip."""
    flat = corners[..., :2] - centre
    beside = flat @ side
    met = (beside.min(1) < FINGER) & (beside.max(1) > -FINGER) & (corners[..., 2].max(1) > height - FINGER)
    if not met.any():
        return 0.0, 0.0
    reach = (flat @ along)[met]
    return float(reach.min()), float(reach.max())


def _price(grasp: Grasp, others: Corners) -> float:
    """How bad a grasp is: a hand that would hit others, a turned wrist, a rim where the whole thing fits."""
    return 10.0 * _hits(grasp, others) + grasp.cost + 0.3 * abs(grasp.yaw)


def _hits(grasp: Grasp, others: Corners) -> float:
    """The share of the open hand's points that lie inside other things."""
    along, side = _axes(grasp.yaw + np.pi / 2)
    turn = np.array([[*along, 0.0], [*side, 0.0], [0.0, 0.0, 1.0]])
    points = grasp.at + HAND @ turn
    inside = np.zeros(len(points), bool)
    for box in others:
        edges = (box[[4, 2, 1]] - box[0]) / 2  # SIGNS counts in binary
        lengths = np.linalg.norm(edges, axis=1)
        inside |= (np.abs((points - box.mean(0)) @ edges.T) < lengths * (lengths + SPARE)).all(1)
    return float(inside.mean())


def _axes(angle: float) -> tuple[Corners, Corners]:
    along = np.array([np.cos(angle), np.sin(angle)])
    return along, np.array([-along[1], along[0]])


def _yaw(closing: float) -> float:
    """The hand's yaw at which the fingers close along a direction: within a quarter turn."""
    return float((closing - np.pi / 2 + np.pi / 2) % np.pi - np.pi / 2)


def yaw_closing(way: Corners) -> float:
    """The hand's yaw at which its fingers close along a level direction [2]."""
    return _yaw(float(np.arctan2(way[1], way[0])))


def yaw_of(turn: Sequence[float]) -> float:
    """The yaw of a body from its rotation matrix [9]: of whichever of its axes lies flattest."""
    matrix = np.asarray(turn, float).reshape(3, 3)
    axis = matrix[:, int(np.argmin(np.abs(matrix[2])))]
    return float(np.arctan2(axis[1], axis[0]))
