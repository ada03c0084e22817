"""One task of LIBERO in its simulator: robosuite's, without cameras."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sparring.envs.robot.drawing import Drawer
from sparring.envs.robot.libero.grip import Grip
from sparring.envs.robot.libero.loading import load
from sparring.envs.robot.libero.scene import Part, Problem, goal_of, parts_of, read_problem
from sparring.envs.robot.libero.suites import Task
from sparring.envs.robot.types import Array, Frame, Point

CAMERAS = ("agentview", "robot0_eye_in_hand")
MOST_THINGS, MOST_JOINTS = 8, 6
"""Of loose things and of joints of fixtures in one scene of any suite."""
STATE = 16 + 7 * MOST_THINGS + MOST_JOINTS
LAYOUT_SEED = 0
"""Where fixtures stand is no part of the official initial states: it is drawn when a scene is built, here from this."""
WIDEST = 0.08
"""Metres between the open fingers."""
SETTLE = 10
"""Steps of rest before an episode, which count nowhere: the initial states have things in the air (as OpenVLA's do)."""
OPEN: Array = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
"""The action that moves nothing and opens the fingers."""
COLLISIONS = (0,)
"""The groups of geoms that robosuite never shows."""


class Simulator:
    """A task; `restore` starts an episode from one of its initial states."""

    def __init__(self, task: Task) -> None:
        """Takes seconds: meshes are loaded. Raises MissingExtra without LIBERO."""
        wrapper = load("envs.env_wrapper")
        self.task = task
        with _seeded(LAYOUT_SEED), contextlib.redirect_stdout(io.StringIO()):
            self._env = wrapper.ControlEnv(
                bddl_file_name=str(task.problem),
                use_camera_obs=False,
                has_offscreen_renderer=False,
                ignore_done=True,
                hard_reset=False,
            )
        self.env: Any = self._env.env
        """The robosuite environment, for executors that read the whole state."""
        self.model: Any = self.env.sim.model._model
        self.data: Any = self.env.sim.data._data
        self._drawer: Drawer | None = None
        self.problem: Problem = read_problem(self.env.parsed_problem)
        self.parts: dict[str, Part] = parts_of(self.problem, self._moves)
        self.goal = goal_of(self.problem, self.parts)
        self._find_places()

    def _find_places(self) -> None:
        env, robot = self.env, self.env.robots[0]
        self.loose = tuple(self.problem.movable)
        self._bodies = [env.obj_body_id[name] for name in self.loose]
        self._site, self._wrist = robot.eef_site_id, self.model.body("robot0_right_hand").id
        self._fingers, self._arm = list(robot._ref_gripper_joint_pos_indexes), list(robot._ref_joint_pos_indexes)
        self._joints = [self.model.joint(name).qposadr[0] for name in self.joints_of_fixtures()]
        assert len(self._bodies) <= MOST_THINGS, self.task.name
        assert len(self._joints) <= MOST_JOINTS, self.task.name
        geoms = {side: self._geoms(robot.gripper.important_geoms[f"{side}_finger"]) for side in ("left", "right")}
        whole = self._geoms(robot.gripper.contact_geoms)
        self.grip = Grip(self.model, self._bodies, geoms["left"], geoms["right"], whole)

    def joints_of_fixtures(self) -> list[str]:
        """The joints of what opens or turns, by name, in the order of the problem file."""
        return [joint for fixture in self.env.fixtures_dict.values() for joint in fixture.joints]

    def restore(self, init: int) -> None:
        """Start an episode from an official initial state."""
        with _seeded(LAYOUT_SEED), contextlib.redirect_stdout(io.StringIO()):
            self._env.reset()
            gripper = self.env.robots[0].gripper
            gripper.current_action = np.zeros(gripper.dof)  # robosuite leaves it as the last episode had it
            self._env.set_init_state(self.task.inits[init])
        self.grip.begin(self.data)
        for _ in range(SETTLE):
            self.step(OPEN)

    def step(self, action: Array) -> None:
        """One control step, 50 ms."""
        self.env.step(action)
        self.grip.update(self.data, self.hand)

    def holds(self, predicate: str, names: Sequence[str]) -> bool:
        """Whether a predicate of LIBERO holds, of things by their names in the problem file."""
        return bool(self.env._eval_predicate([predicate, *names]))

    @property
    def state(self) -> Array:
        """[STATE]: see `LiberoControl`."""
        data = self.data
        state = np.zeros(STATE, np.float32)
        state[0:3], state[3:7] = data.site_xpos[self._site], data.xquat[self._wrist]
        state[7:9], state[9:16] = data.qpos[self._fingers], data.qpos[self._arm]
        poses = np.concatenate([data.xpos[self._bodies], data.xquat[self._bodies]], axis=1)
        state[16 : 16 + poses.size] = poses.ravel()
        first = 16 + 7 * MOST_THINGS
        state[first : first + len(self._joints)] = data.qpos[self._joints]
        return state

    @property
    def hand(self) -> Point:
        """[3]: the point between the fingers."""
        return np.array(self.data.site_xpos[self._site], float)

    @property
    def turn(self) -> npt.NDArray[np.float64]:
        """[3, 3]: how the hand is turned; its columns are where its x, y, z point."""
        return np.array(self.data.xmat[self._wrist], float).reshape(3, 3)

    @property
    def yaw(self) -> float:
        """Of the hand that points down, radians: at 0 the fingers close along y."""
        return float(np.arctan2(self.turn[1, 0], self.turn[0, 0]))

    @property
    def opening(self) -> float:
        """Of the fingers: 0 closed, 1 open."""
        left, right = self.data.qpos[self._fingers]
        return float(np.clip((left - right) / WIDEST, 0.0, 1.0))

    def position(self, part: Part) -> Point:
        """[3]: the middle of a thing or of a region."""
        if part.body in self.env.object_sites_dict:
            return np.array(self.data.site(part.body).xpos, float)
        return np.array(self.data.xpos[self.env.obj_body_id[part.body]], float)

    def push(self, part: Part, shift: Sequence[float]) -> None:
        """Move a loose thing by [2] metres where it stands; out of the hand it falls back to where it stood."""
        number = self.loose.index(part.body)
        was_held = self.grip.holds(number)
        height = self.grip.lose(number)
        joint = self.data.joint(self.env.get_object(part.body).joints[-1])
        place = np.array(joint.qpos)
        place[:2] += shift
        if was_held:
            place[2] = height
        joint.qpos, joint.qvel = place, 0.0
        self.env.sim.forward()

    def frame(self, camera: str, size: int) -> Frame:
        """[size, size, 3], the top row first. Raises RenderingUnavailable."""
        if self._drawer is None:
            self._drawer = Drawer(self.model, COLLISIONS)
        return self._drawer.draw(self.data, self.model.camera(camera).id, size)

    def close(self) -> None:
        """Free the simulator."""
        if self._drawer is not None:
            self._drawer.close()
            self._drawer = None
        self._env.close()

    def _moves(self, name: str) -> bool:
        thing = self.env.object_sites_dict.get(name) or self.env.fixtures_dict.get(name)
        return bool(getattr(thing, "joints", None))

    def _geoms(self, names: Sequence[str]) -> list[int]:
        return [self.model.geom(name).id for name in names]


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """robosuite draws from NumPy's global generator: it is seeded here, and left as it was."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
