"""The scripted executor of the tabletop: it knows where everything is, and keeps no phase of its own.

Every action follows from the state and the subgoal alone, so that it can be cloned (a policy with hidden phases could
not be learnt from state), and so that it carries on after any disturbance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from sparring.envs.robot.skills import reached
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.types import Array, Point, World
from sparring.robotics.words import Clause, Subgoal, Thing
from sparring.types import derive_seed

TRAVEL = 0.15
"""Height at which the hand moves across the table, metres."""
NEAR, LOW_NEAR = 0.006, 0.011
"""Metres from the goal across the table at which the hand goes down, and beyond which a low hand goes up again."""
OPEN, SHUT = -1.0, 1.0
BESIDE = 0.009
"""Metres, the standard deviation of the hasty executor's aim along x and y."""
HANDLE_WIDTH = 0.5
"""Of the opening, around the handle: wide open, a finger would meet the drawer's front."""
HANDLE_HELD = 0.265
"""Of the opening: below it the fingers are on the handle."""
CLEAR = 0.08
"""Height above which the fingers may open all the way again, metres."""
GRASPED = 2 * g.HALF / g.MOST_OPEN
"""Of the opening, about a cube."""


class Scene(Protocol):
    """What of a world a cloned policy asks: the world itself, or what was seen of it."""

    @property
    def hand(self) -> Point: ...

    @property
    def opening(self) -> float: ...

    @property
    def things(self) -> Mapping[str, Thing]: ...

    def position(self, thing: str) -> Point: ...

    def evaluate(self, clause: Clause) -> bool: ...


class ScriptedTabletop:
    """Carries out every subgoal of the tabletop."""

    name = "scripted"
    travel, near, low_near = TRAVEL, NEAR, LOW_NEAR

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new subgoal; all attempts are alike."""
        self._subgoal = subgoal

    def act(self, world: World) -> Array:
        """The next action."""
        subgoal = self._subgoal
        if subgoal.verb == "pick up":
            return self._pick(world, self._where(world, subgoal.thing))
        if reached(world, subgoal):
            return self._retreat(world, HANDLE_WIDTH if subgoal.verb == "open" else 1.0)
        if subgoal.verb == "place":
            return self._place(world, subgoal)
        if subgoal.verb == "open":
            return self._open(world, self._where(world, subgoal.thing))
        if subgoal.verb == "close":
            return self._close(world, self._where(world, subgoal.thing))
        return self._press(world, self._where(world, subgoal.thing))

    def _where(self, world: World, thing: str) -> Point:
        """Where a thing is taken to be."""
        return world.position(thing)

    def _pick(self, world: World, at: Point) -> Array:
        hand = world.hand
        if has(world, at):
            return _towards(hand, np.array([hand[0], hand[1], max(self.travel, at[2])]), SHUT)
        return self._grasp(world, at)

    def _grasp(self, world: World, at: Point, width: float = 1.0) -> Array:
        """Over it with fingers opened to a width, down, and shut."""
        hand = world.hand
        opened = _grip(world, width)
        off = float(np.abs(hand[:2] - at[:2]).max())
        low = hand[2] < at[2] + 0.06
        if off > (self.low_near if low else self.near):
            return _across(hand, at, opened, self.travel)
        if hand[2] - at[2] > 0.006:
            ready = not low or abs(world.opening - width) < 0.1
            return _towards(hand, at, opened) if ready else world.rest(opened)
        return _towards(hand, at, SHUT)

    def _place(self, world: World, subgoal: Subgoal) -> Array:
        hand = world.hand
        if not has(world, self._where(world, subgoal.thing)):
            return self._retreat(world)
        target = self._target(world, subgoal)
        low = hand[2] < target[2] + 0.06
        if float(np.abs(hand[:2] - target[:2]).max()) > (self.low_near if low else self.near):
            return _across(hand, target, SHUT, max(self.travel, float(target[2]) + 0.06))
        if hand[2] - target[2] > 0.006:
            return _towards(hand, target, SHUT)
        return world.rest(OPEN)

    def _target(self, world: World, subgoal: Subgoal) -> Point:
        return target_of(world, subgoal)

    def _open(self, world: World, handle: Point) -> Array:
        hand = world.hand
        on_it = float(np.abs(hand - handle).max()) < 0.012
        if on_it and world.opening < HANDLE_HELD:
            return np.array([0, -1, 0, SHUT], np.float32)
        return self._grasp(world, handle, HANDLE_WIDTH)

    def _close(self, world: World, handle: Point) -> Array:
        hand = world.hand
        before = handle + np.array([0, -0.03, 0])
        if hand[2] < handle[2] + 0.012 and abs(hand[0] - handle[0]) < 0.03 and hand[1] < handle[1] + 0.01:
            return np.array([0, 1, 0, SHUT], np.float32)
        if float(np.abs(hand[:2] - before[:2]).max()) > self.near:
            return _across(hand, before, SHUT, self.travel)
        return _towards(hand, before, SHUT)

    def _press(self, world: World, button: Point) -> Array:
        hand = world.hand
        if float(np.abs(hand[:2] - button[:2]).max()) > self.near or world.opening > 0.1:
            return _across(hand, button, SHUT, self.travel)
        return _towards(hand, button - np.array([0, 0, 0.012]), SHUT)

    def _retreat(self, world: World, width: float = 1.0) -> Array:
        """Let go, then up and away; a wall beside the hand may keep the fingers from opening all the way."""
        hand, opened = world.hand, _grip(world, width if world.hand[2] < CLEAR else 1.0)
        if world.opening < 0.7 * width and hand[2] < self.travel:
            return world.rest(opened)
        return _towards(hand, np.array([hand[0], hand[1], self.travel + 0.03]), opened)


def has(world: Scene, at: Point) -> bool:
    """Whether the thing at a place is between closed fingers."""
    return is_around_a_cube(world.opening) and float(np.abs(world.hand - at).max()) < 0.018


def is_around_a_cube(opening: float) -> bool:
    """Whether the fingers are as far apart as a cube is wide, and press on it: a little closer, hardly wider."""
    return -0.1 < opening - GRASPED < 0.02


def target_of(world: Scene, subgoal: Subgoal) -> Point:
    """Where the middle of the thing that a subgoal places is to be when it is let go."""
    assert subgoal.where is not None
    if subgoal.relation == "on":
        return above(world.position(subgoal.where), 2 * g.HALF + 0.003)
    if subgoal.where == "drawer":
        travel = g.DRAWER_FRONT - g.HANDLE_OUT - float(world.position("drawer")[1])
        return above(g.drawer_middle(travel), g.HALF + 0.01)
    return _free_place(world, subgoal.thing, world.position(subgoal.where))


def _free_place(world: Scene, thing: str, middle: Point) -> Point:
    """A place in the bin with nothing in it yet."""
    names = [name for name, one in world.things.items() if "pick up" in one.verbs and name != thing]
    others = [world.position(name) for name in names]
    corners = [middle + np.array([dx, dy, g.HALF + 0.01]) for dx in (-0.03, 0.03) for dy in (-0.03, 0.03)]
    free: Point = max(corners, key=lambda at: min(float(np.hypot(*(at - other)[:2])) for other in others) > 0.045)
    return free


def above(at: Point, height: float) -> Point:
    """A point so many metres above another one."""
    return np.array([at[0], at[1], at[2] + height])


def _grip(world: World, width: float) -> float:
    """The gripper's part of an action that brings the fingers to a width."""
    return OPEN if width == 1 else float(np.clip((world.opening - width) / g.FINGER_SPEED, OPEN, SHUT))


def _towards(hand: Point, target: Point, grip: float) -> Array:
    return np.array([*np.clip((target - hand) / g.SPEED, -1, 1), grip], np.float32)


def _across(hand: Point, target: Point, grip: float, height: float) -> Array:
    """Up to the height of travel, then across."""
    if hand[2] < height - 0.03:
        return _towards(hand, np.array([hand[0], hand[1], height]), grip)
    return _towards(hand, np.array([target[0], target[1], height]), grip)


class HastyTabletop(ScriptedTabletop):
    """Scripted, faster and less careful: it aims once at every attempt, a little beside, and hardly aligns.

    How far beside follows from the state in which the attempt begins and from its number: the same episode fails in
    the same way, and another attempt fails in another way or not at all.
    """

    name = "hasty"
    travel, near, low_near = 0.09, 0.02, 0.03

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new attempt, with an aim of its own."""
        super().begin(world, subgoal, attempt)
        seed = derive_seed("hasty", str(subgoal), attempt, world.state.tobytes().hex())
        self._beside = np.array([*np.random.default_rng(seed).normal(0, BESIDE, 2), 0.0])

    def _where(self, world: World, thing: str) -> Point:
        at = super()._where(world, thing)
        return at if has(world, at) else at + self._beside

    def _target(self, world: World, subgoal: Subgoal) -> Point:
        beside: Point = super()._target(world, subgoal) + self._beside
        return beside
