"""Opening, closing and turning what is fixed: drawers, the door of a microwave, the knob of a stove."""

from __future__ import annotations

import numpy as np

from sparring.envs.robot.executors import boxes
from sparring.envs.robot.executors.moves import OPEN, SHUT, Moves, Turn, go, hold, yawed
from sparring.envs.robot.libero.scene import Part
from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.types import Point
from sparring.robotics.words import Verb

BEFORE, ABOVE = 0.10, 0.12
"""Metres in front of a handle, and above it, from where the hand comes."""
OVERSHOOT = 0.03
"""Metres further than a drawer goes."""
TURNED = 1.1
"""Radians of a knob that is on; from half a radian the stove counts as on."""
ARC = 12
"""Places on the way of a door."""


def shift_fixture(sim: Simulator, part: Part, verb: Verb, attempt: int) -> Moves:
    """Open, close, turn on or turn off."""
    if verb in ("turn on", "turn off"):
        yield from _turn_knob(sim, part, verb == "turn on", attempt)
    elif _slides(sim, part):
        yield from _pull(sim, part, attempt) if verb == "open" else _push(sim, part, attempt)
    else:
        yield from _swing(sim, part, verb == "open", attempt)


def joint_of(sim: Simulator, part: Part) -> int:
    """The joint that opens or turns it."""
    name = part.called.get("open") or part.called.get("turned on") or part.body
    owner = sim.env.object_sites_dict.get(name) or sim.env.fixtures_dict[name]
    return int(sim.model.joint(owner.joints[0]).id)


def _slides(sim: Simulator, part: Part) -> bool:
    return int(sim.model.jnt_type[joint_of(sim, part)]) == 2


def _sign(sim: Simulator, part: Part) -> float:
    """Which way of the joint is open: 1 or -1."""
    name = part.called["open"]
    site = sim.env.object_sites_dict.get(name)
    fixture = sim.env.fixtures_dict[site.parent_name if site is not None else name]
    return float(np.sign(sum(fixture.object_properties["articulation"]["default_open_ranges"])))


def _handle(sim: Simulator, part: Part) -> tuple[Point, Point]:
    """The middle of a drawer's handle, and the direction [3] in which it opens."""
    joint = joint_of(sim, part)
    way = np.array(sim.data.xaxis[joint]) * _sign(sim, part)
    shape = boxes.corners_of(sim, int(sim.model.jnt_bodyid[joint]))
    furthest = shape[int(np.argmax((shape @ way).max(1)))]
    return furthest.mean(0), way


def _facing(way: Point, level: bool = False, tilt: float = 0.0) -> Turn:
    """The hand pointing against a level direction, `tilt` radians downwards.

    Its fingers close up and down, with its back where the arm is; or sideways, where it should be `level` and flat.
    """
    flat = -way / np.linalg.norm(way)
    up = np.array([0.0, 0.0, 1.0])
    pointing = np.cos(tilt) * flat - np.sin(tilt) * up
    across = np.cross(up, pointing)
    across *= (1.0 if across[0] >= 0 else -1.0) / np.linalg.norm(across)
    closing = np.cross(pointing, across)
    turn: Turn = np.stack([closing, -across, pointing] if level else [across, closing, pointing], axis=1)
    return turn


def _approach(sim: Simulator, handle: Point, way: Point, turn: Turn, grip: float) -> Moves:
    """In front of a handle, from above."""
    front = handle + way * BEFORE
    raised = front + way * 0.04 + np.array([0, 0, ABOVE])
    if sim.hand[2] < raised[2]:
        yield from go(sim, np.array([*sim.hand[:2], raised[2]]), sim.turn, grip, near=0.03, most=25)
    yield from go(sim, raised, turn, grip, near=0.03, most=60)
    yield from go(sim, front, turn, grip, near=0.01, most=35)


def _pull(sim: Simulator, part: Part, attempt: int) -> Moves:
    """Take the handle between the fingers and draw."""
    handle, way = _handle(sim, part)
    turn = _facing(way, tilt=0.35 * (attempt % 3))
    deeper = 0.002 * (attempt % 3)
    yield from _approach(sim, handle, way, turn, OPEN)
    yield from go(sim, handle - way * deeper, turn, OPEN, near=0.006, most=35)
    yield from hold(sim, turn, SHUT, 9)
    travel = float(np.ptp(sim.model.jnt_range[joint_of(sim, part)]))
    yield from go(sim, handle + way * (travel + OVERSHOOT), turn, SHUT, near=0.02, most=40)
    yield from hold(sim, turn, OPEN, 6)
    yield from go(sim, sim.hand + way * 0.06, turn, OPEN, near=0.02, most=15)
    yield from go(sim, sim.hand + np.array([0, 0, 0.15]), turn, OPEN, near=0.03, most=20)


def _push(sim: Simulator, part: Part, attempt: int) -> Moves:
    """Push the handle with closed fingers until the drawer is shut."""
    handle, way = _handle(sim, part)
    turn = _facing(way, level=True, tilt=0.3 * (attempt % 3))
    yield from _approach(sim, handle, way, turn, SHUT)
    joint = joint_of(sim, part)
    still_open = float(sim.data.qpos[sim.model.jnt_qposadr[joint]]) * _sign(sim, part)
    yield from go(sim, handle - way * (still_open + OVERSHOOT), turn, SHUT, near=0.004, most=50)
    yield from go(sim, sim.hand + way * 0.08, turn, SHUT, near=0.03, most=15)
    yield from go(sim, sim.hand + np.array([0, 0, 0.15]), turn, SHUT, near=0.03, most=20)


def _swing(sim: Simulator, part: Part, opens: bool, attempt: int) -> Moves:
    """Move the edge of a door along its arc, with closed fingers on the side that has to give way."""
    joint = joint_of(sim, part)
    hinge, shape = np.array(sim.data.xanchor[joint]), boxes.corners_of(sim, int(sim.model.jnt_bodyid[joint]))
    sign = _sign(sim, part) * float(np.sign(sim.data.xaxis[joint][2]))
    spread = (shape - hinge)[..., :2].reshape(-1, 2)
    edge = spread[int(np.argmax(np.linalg.norm(spread, axis=1)))]
    radius, angle = float(np.linalg.norm(edge)), float(np.arctan2(edge[1], edge[0]))
    height = boxes.top_of(shape) - 0.05
    side = -sign if opens else sign
    has = abs(float(sim.data.qpos[sim.model.jnt_qposadr[joint]]))
    ends = angle + sign * (1.7 - has) if opens else angle - sign * (has + 0.1)
    places = [
        hinge[:2] + (radius - 0.04) * np.array([np.cos(one), np.sin(one)]) + 0.0 * edge
        for one in np.linspace(angle + side * 0.25, ends, ARC)
    ]
    start = np.array([*places[0], height])
    yield from go(sim, np.array([*sim.hand[:2], height + 0.25]), yawed(0.0), SHUT, near=0.03, most=30)
    yield from go(sim, start + np.array([0, 0, 0.25]), yawed(0.0), SHUT, near=0.03, most=50)
    yield from go(sim, start, yawed(0.0), SHUT, near=0.02, most=30)
    for place in places[1:]:
        yield from go(sim, np.array([*place, height]), yawed(0.0), SHUT, near=0.02, most=12)
    yield from go(sim, sim.hand + np.array([0, 0, 0.25]), yawed(0.0), SHUT, near=0.05, most=20)


def _turn_knob(sim: Simulator, part: Part, on: bool, attempt: int) -> Moves:
    """Take the ridge of the knob between the fingers and turn the wrist."""
    joint = joint_of(sim, part)
    body = int(sim.model.jnt_bodyid[joint])
    shape, has = boxes.corners_of(sim, body), float(sim.data.qpos[sim.model.jnt_qposadr[joint]])
    ridge = shape[shape[..., 2].max(1) > boxes.top_of(shape) - 0.008].reshape(-1, 3)
    middle = (ridge.max(0) + ridge.min(0)) / 2
    at = np.array([*middle[:2], boxes.top_of(shape) - 0.012])
    turned = boxes.yaw_of(sim.data.xmat[body])
    first = float((turned + np.pi / 2) % np.pi - np.pi / 2)
    wanted = first + (TURNED - has if on else -has - 0.4)
    above = at + np.array([0, 0, 0.1])
    if sim.hand[2] < above[2]:
        yield from go(sim, np.array([*sim.hand[:2], above[2]]), sim.turn, OPEN, near=0.03, most=25)
    yield from go(sim, above, yawed(first), OPEN, near=0.01)
    yield from go(sim, at, yawed(first), OPEN, near=0.006, most=30)
    yield from hold(sim, yawed(first), SHUT, 9)
    for part_way in np.linspace(0.2, 1.0, 5):
        yield from go(sim, at, yawed(first + part_way * (wanted - first)), SHUT, near=0.01, most=10)
    yield from hold(sim, yawed(wanted), SHUT, 6)
    yield from hold(sim, yawed(wanted), OPEN, 6)
    yield from go(sim, above, yawed(wanted), OPEN, near=0.03, most=20)
