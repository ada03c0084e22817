"""Meta-World as a control world: a Sawyer arm, one task to a scene, success as Meta-World says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparring.envs.robot.control import NOT_BEGUN, ControlEnv
from sparring.envs.robot.drawing import Drawer
from sparring.envs.robot.metaworld.tasks import TASKS, VERSION, said_of, task_name
from sparring.envs.robot.types import Array, Frame, Point
from sparring.registry import envs, require, require_installed, unknown
from sparring.robotics.words import Clause, Subgoal

ACTIONS, STATE, CAP = 4, 39, 500
LIFTED = 0.03
"""Metres above where it was at the start."""
SEEDS = 2**32
HEAD_DOWN = ("corner",)
"""Cameras that hang upside down in Meta-World's scenes."""


@envs.register(
    "sparring/MetaWorldControl-v0",
    family="robot",
    seats=1,
    skills=("manipulation", "continuous control"),
    version="1",
    extra="metaworld",
    host="process",
    reward_range=(0.0, 1.0),
)
class MetaWorldControl(ControlEnv):
    """One of the 50 tasks of Meta-World: four numbers move the hand of a Sawyer arm.

    Action [4]: how far the hand moves (x, y, z; 1 is one centimetre); the last number closes the fingers (1) or opens
    them (-1). State [39]: as Meta-World gives it, with the goal in its last three numbers. A seed gives the places of
    things and goal, and the task where `task` is None.

    Meta-World says of a scene whether its own task is solved, and nothing else. So the goal's predicate holds when the
    task is solved, `holding` when both fingers touch the thing and it is lifted, and other predicates are refused.
    """

    metadata: dict[str, object] = {**ControlEnv.metadata, "name": "sparring/MetaWorldControl-v0"}
    cameras: Sequence[str] = ("corner", "gripperPOV")
    cap = CAP

    def __init__(self, task: str | None = None, max_steps: int | None = None, render_mode: str | None = None) -> None:
        """`task`: "reach-v3" or "reach"; None: the seed draws one. Raises UnknownName, MissingExtra."""
        self.task = None if task is None else task_name(task)
        require_installed("metaworld", "metaworld")
        super().__init__(ACTIONS, STATE, max_steps, render_mode)
        self._env: Any = None
        self._name = ""
        self._drawer: Drawer | None = None
        self._observed: Array = np.zeros(STATE, np.float32)
        self._success = False

    def _begin(self, seed: int, options: Mapping[str, object]) -> None:
        if options:
            raise ValueError(f"Meta-World has no options of a reset, got {', '.join(map(str, options))}")
        rng = np.random.default_rng(seed)
        drawn = TASKS[int(rng.integers(len(TASKS)))]
        self._build(self.task or drawn)
        self._env.seed(int(rng.integers(SEEDS)))
        self._observed = np.asarray(self._env.reset()[0], np.float32)
        self._success, self._info = False, dict[str, object]()
        self._start = self._object()
        said = said_of(self._name)
        self.instruction, self.goal, self.things = said.instruction, said.goal, said.things
        self.shortest_plan: tuple[Subgoal, ...] = said.plan

    def _build(self, name: str) -> None:
        """A new scene: what an old one went through would change the next episode."""
        self.close()
        self._env = require("metaworld.env_dict", "metaworld").ALL_V3_ENVIRONMENTS[name + VERSION]()
        self._env._partially_observable = False
        self._env.__dict__.pop("sawyer_observation_space", None)  # kept from when the goal was hidden: it clips to 0
        self._env._freeze_rand_vec = False
        self._env.seeded_rand_vec = True
        self._env._set_task_called = True
        self._name = name

    @property
    def _sim(self) -> Any:
        if self._env is None:
            raise RuntimeError(NOT_BEGUN)
        return self._env

    @property
    def name(self) -> str:
        """The task of this episode. Raises RuntimeError before the first reset."""
        return self._name if self._sim is not None else ""

    @property
    def simulator(self) -> str:
        return f"mujoco {require('mujoco', 'metaworld').__version__}"

    @property
    def state(self) -> Array:
        return self._observed.copy() if self._sim is not None else self._observed

    @property
    def observed(self) -> Any:
        """[39], float64: what Meta-World's own policies read."""
        return np.asarray(self._sim._last_stable_obs if self._info else self._observed, np.float64)

    @property
    def hand(self) -> Point:
        return np.array(self._sim.get_endeff_pos(), float)

    @property
    def opening(self) -> float:
        return float(np.clip(self._observed[3], 0.0, 1.0)) if self._sim is not None else 0.0

    def advance(self, action: Array) -> None:
        """One control step of 12.5 ms."""
        self._sim.curr_path_length = 0  # the end of an episode is for `ControlEnv` to say
        observed, _, _, _, self._info = self._sim.step(action)
        self._observed = np.asarray(observed, np.float32)
        self._success = bool(self._info["success"])

    def evaluate(self, clause: Clause) -> bool:
        """Whether a clause holds: those of the goal, and `holding` of what can be picked up. Raises ValueError."""
        for name in clause.arguments:
            if name not in self.things and clause.name != "solved":
                raise ValueError(unknown("thing", name, self.things))
        if clause in self.goal:
            return self._success
        if clause.name == "holding" and len(clause.arguments) == 1 and self.things[clause.arguments[0]].verbs:
            return self._holds() and "pick up" in self.things[clause.arguments[0]].verbs
        raise ValueError(f"{clause} makes no sense in this scene")

    def _holds(self) -> bool:
        return bool(self._sim.touching_main_object) and float(self._object()[2] - self._start[2]) > LIFTED

    def facts(self) -> tuple[Clause, ...]:
        """What holds of what can be evaluated."""
        held = [Clause("holding", (name,)) for name, thing in self.things.items() if "pick up" in thing.verbs]
        return tuple(clause for clause in (*held, *self.goal) if self.evaluate(clause))

    def position(self, thing: str) -> Point:
        if thing not in self.things:
            raise ValueError(unknown("thing", thing, self.things))
        if self.things[thing].holds:
            return np.array(self._sim._target_pos, float)
        return self._object()

    def knock(self, thing: str, shift: Sequence[float]) -> None:
        """Move a loose thing by [2] metres. Raises ValueError for other things."""
        if thing not in self.things or "pick up" not in self.things[thing].verbs:
            raise ValueError(f"{thing} cannot be knocked")
        if len(shift) != 2 or not np.isfinite(np.asarray(shift, float)).all():
            raise ValueError(f"shift must be 2 finite numbers, got {shift!r}")
        model, data = self._sim.model, self._sim.data
        loose = [joint for joint in range(model.njnt) if model.jnt_type[joint] == 0]
        at = self._object()
        joint = min(loose, key=lambda one: float(np.linalg.norm(data.xpos[model.jnt_bodyid[one]] - at)))
        first, speed = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
        if self._holds():
            data.qpos[first + 2] += self._start[2] - at[2]
        data.qpos[first : first + 2] += shift
        data.qvel[speed : speed + 6] = 0.0
        require("mujoco", "metaworld").mj_forward(model, data)

    def frame(self, camera: str, size: int = 128) -> Frame:
        """[size, size, 3], the top row first. Raises RenderingUnavailable, and ValueError for a camera or a size."""
        if camera not in self.cameras:
            raise ValueError(f"camera must be one of {', '.join(self.cameras)}, got {camera!r}")
        if self._drawer is None:
            self._drawer = Drawer(self._sim.model)
        picture = self._drawer.draw(self._sim.data, self._sim.model.camera(camera).id, size)
        return np.ascontiguousarray(picture[::-1, ::-1]) if camera in HEAD_DOWN else picture

    def close(self) -> None:
        """Free the scene; `reset` builds one again."""
        if self._drawer is not None:
            self._drawer.close()
            self._drawer = None
        if self._env is not None:
            self._env.close()
            self._env = None

    def _object(self) -> Point:
        return np.array(self._sim._get_pos_objects()[:3], float)
