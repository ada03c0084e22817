"""What a cloned policy sees: where the subgoal's things are, seen from the hand, and a few facts.

Everything is relative to the hand and named by its part in the subgoal, never by its colour: a flat state of four cubes
with a one-hot goal is not learnt by a small network (it does not select), this is.
"""

from __future__ import annotations

import numpy as np

from sparring.envs.robot.executors.tabletop import TRAVEL, Scene, has, target_of
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.types import Array, Point
from sparring.robotics.skills import postcondition
from sparring.robotics.words import VERBS, Clause, Subgoal

COARSE, FINE, STEP = 0.1, 0.01, g.SPEED
"""Metres: the three scales at which a distance is told."""
FEATURES = len(VERBS) + 3 * 7 + 3 + 6


def features_of(world: Scene, subgoal: Subgoal) -> Array:
    """[F]: verb (6); thing, target and height from the hand (21); distances across (3); opening and facts (6)."""
    hand, at = world.hand, world.position(subgoal.thing)
    target = target_of(world, subgoal) if subgoal.verb == "place" else at
    height = max(TRAVEL, float(target[2]) + 0.06) if subgoal.verb == "place" else TRAVEL
    to_thing, to_target = at - hand, target - hand
    verb = [float(subgoal.verb == name) for name in VERBS]
    up = np.array([height - hand[2]])
    scaled = [_at_scales(np.concatenate([to_thing, to_target, up]))]
    away = [np.abs(to[:2]).max() / FINE for to in (to_thing, to_target)]
    before = abs(to_thing[1] - 0.03) / FINE
    return np.concatenate([verb, *scaled, np.tanh([*away, before]), _facts(world, subgoal, at)]).astype(np.float32)


def _at_scales(distances: Point) -> Point:
    """[3 n]: every distance in metres at three scales: how far, whether more than a control step, the last cm."""
    coarse, step = np.clip(distances / COARSE, -4, 4), np.clip(distances / STEP, -1, 1)
    return np.concatenate([coarse, step, np.tanh(distances / FINE)])


def _facts(world: Scene, subgoal: Subgoal, at: Point) -> list[float]:
    travel = g.DRAWER_FRONT - g.HANDLE_OUT - float(world.position("drawer")[1])
    lamp = world.evaluate(Clause("turned on", ("lamp",)))
    done = subgoal.verb != "pick up" and world.evaluate(postcondition(subgoal))
    opening = float(world.opening)
    return [opening, np.tanh((opening - 0.5) * 8), float(has(world, at)), float(done), travel / g.DRAWER_TRAVEL, lamp]
