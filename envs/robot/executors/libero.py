"""The scripted executor of LIBERO: it reads the whole state, and tries another grasp at every attempt.

It is no policy and learns nothing: it is there so that planners, verifiers and recovery can be studied on real tasks
without a vision-language-action model. The success that it has says nothing about such models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from sparring.envs.robot.executors import boxes
from sparring.envs.robot.executors.boxes import Corners, Grasp
from sparring.envs.robot.executors.fixtures import shift_fixture
from sparring.envs.robot.executors.moves import OPEN, SHUT, Moves, go, hold, yawed
from sparring.envs.robot.libero.control import LiberoControl
from sparring.envs.robot.libero.scene import Part
from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.types import Array, Point, World
from sparring.robotics.words import Clause, Subgoal

CLEAR = 0.05
"""Metres of air between what is carried and what it is carried over."""
SLOT = 0.04
"""Half the width of a place that is narrow, metres."""
SPOT = 0.06
"""Metres within which a place is taken."""
DEEPER = 0.012
"""Metres that every further attempt at placing goes lower before it lets go."""
LIFT = 0.10
"""Metres of lifting after a grasp."""
CORRIDOR = 0.12
"""Metres to both sides of the way in which things are looked for."""


class ScriptedLibero:
    """Carries out every subgoal of LIBERO, as well as it can."""

    name = "scripted"
    done = False
    """Whether the script of the subgoal has ended."""

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new attempt; attempt 0 takes the most promising grasp, the others the next ones."""
        if not isinstance(world.unwrapped if hasattr(world, "unwrapped") else world, LiberoControl):
            raise ValueError("ScriptedLibero works in sparring/LiberoControl-v0 only")
        self._world = cast(LiberoControl, getattr(world, "unwrapped", world))
        self._moves = self._script(subgoal, attempt)
        self._grip, self.done = OPEN, False

    def act(self, world: World) -> Array:
        """The next action; at the end of the script the hand rests."""
        action = next(self._moves, None)
        if action is None:
            self.done = True
            return world.rest(self._grip)
        self._grip = float(action[-1])
        return action

    def _script(self, subgoal: Subgoal, attempt: int) -> Moves:
        sim = self._world.sim
        part = sim.parts[subgoal.thing]
        if subgoal.verb == "pick up":
            yield from self._pick(sim, part, attempt)
        elif subgoal.verb == "place" and subgoal.where is not None:
            where = sim.parts[subgoal.where]
            if self._world.evaluate(Clause("holding", (subgoal.thing,))):
                yield from self._place(sim, part, where, attempt)
            else:
                yield from self._drag(sim, part, where, attempt)
        else:
            yield from shift_fixture(sim, part, subgoal.verb, attempt)

    def _pick(self, sim: Simulator, part: Part, attempt: int) -> Moves:
        grasp = self._grasp(sim, part, attempt)
        turn = yawed(grasp.yaw)
        above = grasp.at + np.array([0, 0, 0.08])
        yield from self._travel(sim, above, grasp.yaw, OPEN)
        yield from go(sim, grasp.at, turn, OPEN, near=0.006, most=30)
        yield from hold(sim, turn, SHUT, 9)
        yield from go(sim, grasp.at + np.array([0, 0, LIFT]), turn, SHUT, most=25, slow=0.6)

    def _grasp(self, sim: Simulator, part: Part, attempt: int) -> Grasp:
        body = sim.env.obj_body_id[part.body]
        shape = boxes.corners_of(sim, body)
        turned = boxes.yaw_of(sim.data.xmat[body])
        grasps = boxes.grasps_of(shape, np.array(sim.data.xpos[body]), turned, self._others(sim, part))
        return grasps[attempt % len(grasps)]

    def _place(self, sim: Simulator, part: Part, where: Part, attempt: int) -> Moves:
        """Carry it there, put it down, let go and leave."""
        yaw, shape = self._fitting_yaw(sim, where), self._shape(sim, part)
        hangs = sim.hand[2] - boxes.bottom_of(shape)
        if abs(yaw - sim.yaw) > 0.1:
            up = sim.hand + np.array([0, 0, LIFT])
            yield from go(sim, up, yawed(yaw), SHUT, near=0.03, most=40)
        offset = sim.hand - sim.position(part)
        target = self._rest_of(sim, where) + self._free_spot(sim, part, where)
        over = np.array([*(target + offset)[:2], target[2] + hangs + CLEAR])
        yield from self._travel(sim, over, yaw, SHUT, hangs)
        offset = sim.hand - sim.position(part)
        down = np.array([*(target + offset)[:2], target[2] + hangs + 0.006 - DEEPER * attempt])
        yield from go(sim, down, yawed(yaw), SHUT, near=0.008, most=25, slow=0.5)
        yield from hold(sim, yawed(yaw), OPEN, 6)
        yield from go(sim, sim.hand + np.array([0, 0, 0.12]), yawed(yaw), OPEN, near=0.03, most=20)

    def _rest_of(self, sim: Simulator, where: Part) -> Point:
        """[3]: where the bottom of a thing is to be."""
        middle = sim.position(where) if not where.called else self._named(sim, where)
        if where.loose:
            return np.array([middle[0], middle[1], self._support(sim, where, middle)])
        floor = middle[2] + 0.005
        if "in" in where.called:
            site = where.called["in"]
            floor = middle[2] - abs(float(sim.data.site(site).xmat.reshape(3, 3)[2] @ sim.model.site(site).size)) + 0.01
        return np.array([middle[0], middle[1], floor])

    def _fitting_yaw(self, sim: Simulator, where: Part) -> float:
        """The hand's yaw: as it is, or as a narrow slot needs it for a thing that is held by its thin sides."""
        region = where.called.get("in")
        if region not in sim.env.object_sites_dict:
            return sim.yaw
        axes, size = sim.data.site(region).xmat.reshape(3, 3), sim.model.site(region).size
        level = [axis for axis in range(3) if abs(axes[2, axis]) < 0.5]
        thin = min(level, key=lambda axis: float(size[axis]))
        return boxes.yaw_closing(axes[:2, thin]) if size[thin] < SLOT else sim.yaw

    def _free_spot(self, sim: Simulator, part: Part, where: Part) -> Point:
        """[3]: away from what lies in the middle of a place already; zero where nothing does."""
        middle, region = self._named(sim, where), where.called.get("in") or where.called.get("on")
        others = [sim.position(other) for other in sim.parts.values() if other.loose and other.body != part.body]
        taken = [at for at in others if np.linalg.norm((at - middle)[:2]) < SPOT and abs(at[2] - middle[2]) < LIFT]
        if where.loose or not taken or region not in sim.env.object_sites_dict:
            return np.zeros(3)
        size = np.abs(sim.data.site(region).xmat.reshape(3, 3) @ sim.model.site(region).size)
        spots = [np.array([x, y, 0.0]) * size * 0.7 for x in (-1, 0, 1) for y in (-1, 0, 1)]
        return max(spots, key=lambda spot: min(float(np.linalg.norm((middle + spot - at)[:2])) for at in taken))

    def _named(self, sim: Simulator, where: Part) -> Point:
        """The middle of the region in or on which things lie."""
        name = where.called.get("in") or where.called.get("on") or where.body
        if name in sim.env.object_sites_dict:
            return np.array(sim.data.site(name).xpos, float)
        return sim.position(where)

    def _support(self, sim: Simulator, where: Part, middle: Point) -> float:
        """The height of what is under the middle of a loose thing: the inside of a bowl, the top of a box."""
        shape = self._shape(sim, where)
        low, high = shape[..., :2].min(1) - 0.01, shape[..., :2].max(1) + 0.01
        under = ((middle[:2] > low) & (middle[:2] < high)).all(1)
        return boxes.top_of(shape[under]) if under.any() else boxes.top_of(shape)

    def _drag(self, sim: Simulator, part: Part, where: Part, attempt: int) -> Moves:
        """Push what is not held across the table, with closed fingers inside its rim."""
        middle, target = sim.position(part), self._named(sim, where)
        inside = np.array([middle[0], middle[1], boxes.bottom_of(self._shape(sim, part)) + 0.012])
        yaw = boxes.freest_yaw(inside, self._others(sim, part))
        yield from self._travel(sim, inside + np.array([0, 0, 0.06]), yaw, SHUT)
        yield from go(sim, inside, yawed(yaw), SHUT, near=0.006, most=30)
        yield from go(sim, np.array([*target[:2], inside[2]]), yawed(yaw), SHUT, near=0.006, most=90, slow=0.35)
        yield from go(sim, sim.hand + np.array([0, 0, 0.12]), yawed(yaw), SHUT, near=0.03, most=20)

    def _travel(self, sim: Simulator, target: Point, yaw: float, grip: float, hangs: float = 0.0) -> Moves:
        """Up, across above everything in the way, and down to the target."""
        height = max(self._highest(sim, target) + hangs + CLEAR, float(target[2]))
        if sim.hand[2] < height - 0.02 and np.linalg.norm((target - sim.hand)[:2]) > 0.03:
            up = np.array([*sim.hand[:2], height])
            yield from go(sim, up, yawed(yaw if grip == OPEN else sim.yaw), grip, near=0.02, most=30)
        yield from go(sim, np.array([*target[:2], max(height, sim.hand[2] - 0.02)]), yawed(yaw), grip, near=0.015)
        yield from go(sim, target, yawed(yaw), grip, near=0.012, most=30)

    def _highest(self, sim: Simulator, target: Point) -> float:
        """The highest top of what lies on the way, metres."""
        tops = [float(sim.hand[2]) - 1.0]
        start, way = sim.hand[:2], (target - sim.hand)[:2]
        for shape in self._shapes(sim).values():
            middle = shape[..., :2].mean(1)
            along = np.clip(((middle - start) @ way) / max(float(way @ way), 1e-6), 0, 1)
            near = np.linalg.norm(middle - (start + along[:, None] * way), axis=1) < CORRIDOR
            tops += [boxes.top_of(shape[near])] if near.any() else []
        return max(tops)

    def _others(self, sim: Simulator, part: Part) -> Corners:
        """The boxes of everything but one thing."""
        return np.concatenate([shape for name, shape in self._shapes(sim).items() if name != part.body])

    def _shapes(self, sim: Simulator) -> Mapping[str, Corners]:
        held = {sim.loose[number] for number in range(len(sim.loose)) if sim.grip.holds(number)}
        names = {name: body for name, body in sim.env.obj_body_id.items() if name not in held}
        return {name: boxes.corners_of(sim, body) for name, body in names.items()}

    def _shape(self, sim: Simulator, part: Part) -> Corners:
        return boxes.corners_of(sim, sim.env.obj_body_id[part.body])
