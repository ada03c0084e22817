"""LIBERO as a control world: a Panda arm, official initial states and step caps, pictures where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparring.envs.robot.control import NOT_BEGUN, ControlEnv
from sparring.envs.robot.libero import simulator
from sparring.envs.robot.libero.plans import shortest_plan
from sparring.envs.robot.libero.scene import PREDICATES, Part
from sparring.envs.robot.libero.simulator import Simulator
from sparring.envs.robot.libero.suites import cap_of, find_task, tasks_in
from sparring.envs.robot.types import Array, Frame, Point
from sparring.registry import envs, require, require_installed, unknown
from sparring.robotics.words import Clause, Subgoal

ACTIONS = 7
PLACES = ("on", "in", "at")
"""Predicates of a thing and where it is."""
AT = 0.05
"""Metres across the table within which a thing is `at` an area: it tells things of one kind apart."""


@envs.register(
    "sparring/LiberoControl-v0",
    family="robot",
    seats=1,
    skills=("manipulation", "continuous control"),
    version="1",
    extra="libero",
    host="process",
    reward_range=(0.0, 1.0),
)
class LiberoControl(ControlEnv):
    """One task of LIBERO or LIBERO-PRO: seven numbers move a Panda arm, 20 times a second.

    Action [7]: how far the hand moves (x, y, z; 1 is 5 cm) and turns (x, y, z; 1 is half a radian), as a wish that
    robosuite's controller follows; the last number closes the fingers (1) or opens them (-1).

    State [78]: the hand's position (3) and orientation (4: w, x, y, z), the two fingers' joints, the seven joints of
    the arm; of each loose thing, in the order of the problem file, position (3) and orientation (4), up to 8 things;
    up to 6 joints of fixtures, metres or radians. What a scene has less of is 0.

    A seed gives one of the official initial states, and the task where `task` is None. Fixtures stand a centimetre or
    two elsewhere whenever LIBERO builds a scene; here they always stand as LIBERO's seed 0 has them.
    """

    metadata: dict[str, object] = {**ControlEnv.metadata, "name": "sparring/LiberoControl-v0"}
    cameras = simulator.CAMERAS

    def __init__(
        self,
        suite: str = "libero_spatial",
        task: int | None = None,
        max_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        """`task`: its number in the suite, from 0; None: the seed draws one. `max_steps`: None for the official cap.

        Raises UnknownName for a suite that there is not, ValueError for a task, MissingExtra without LIBERO.
        """
        tasks = tasks_in(suite)
        if task is not None and (type(task) is not int or not 0 <= task < tasks):
            raise ValueError(f"task must be None or a whole number from 0 to {tasks - 1} in {suite}, got {task!r}")
        require_installed("libero", "libero")
        super().__init__(ACTIONS, simulator.STATE, max_steps, render_mode)
        self.suite, self.task, self.cap = suite, task, cap_of(suite)
        self._tasks = tasks
        self._sim: Simulator | None = None

    def _begin(self, seed: int, options: Mapping[str, object]) -> None:
        rng = np.random.default_rng(seed)
        drawn = int(rng.integers(self._tasks))
        task = find_task(self.suite, drawn if self.task is None else self.task)
        init = _init_of(options, len(task.inits), int(rng.integers(len(task.inits))))
        if self._sim is None or self._sim.task is not task:
            self.close()
            self._sim = Simulator(task)
        self._sim.restore(init)
        self.init = init
        self.instruction, self.goal = task.instruction, self._sim.goal
        self.things = {name: part.thing for name, part in self._sim.parts.items()}

    @property
    def sim(self) -> Simulator:
        """The simulator, for executors that read the whole state. Raises RuntimeError before the first reset."""
        if self._sim is None:
            raise RuntimeError(NOT_BEGUN)
        return self._sim

    @property
    def simulator(self) -> str:
        return f"mujoco {require('mujoco', 'libero').__version__}"

    @property
    def state(self) -> Array:
        return self.sim.state

    @property
    def hand(self) -> Point:
        return self.sim.hand

    @property
    def opening(self) -> float:
        return self.sim.opening

    def advance(self, action: Array) -> None:
        """One control step of 50 ms."""
        self.sim.step(action)

    def evaluate(self, clause: Clause) -> bool:
        """Whether a clause holds: LIBERO's own predicates, `holding` as `grip` says, and `at` an area.

        Raises ValueError for what there is not, or what makes no sense.
        """
        parts = [self._part(name) for name in clause.arguments]
        if clause.name == "holding" and len(parts) == 1 and parts[0].loose:
            return self.sim.grip.holds(self.sim.loose.index(parts[0].body))
        wanted = 2 if clause.name in PLACES else 1
        fits = len(parts) == wanted and clause.name in parts[-1].called and (wanted == 1 or parts[0].loose)
        if not fits:
            raise ValueError(f"{clause} makes no sense in this scene")
        if clause.name == "at":
            return bool(np.hypot(*(self.sim.position(parts[0]) - self.sim.position(parts[1]))[:2]) < AT)
        names = [part.body for part in parts[:-1]] + [parts[-1].called[clause.name]]
        return self.sim.holds(PREDICATES[clause.name], names)

    def facts(self) -> tuple[Clause, ...]:
        """What holds: what is held, where loose things are, what is open, closed, on or off."""
        return tuple(clause for clause in self._sayable() if self.evaluate(clause))

    def _sayable(self) -> list[Clause]:
        parts = self.sim.parts
        loose = [name for name, part in parts.items() if part.loose]
        said = [Clause("holding", (name,)) for name in loose]
        for name, part in parts.items():
            for predicate in part.called:
                if predicate in PLACES:
                    said += [Clause(predicate, (other, name)) for other in loose if other != name]
                else:
                    said.append(Clause(predicate, (name,)))
        return said

    @property
    def shortest_plan(self) -> tuple[Subgoal, ...]:
        """The steps from the present state to the goal."""
        return shortest_plan(self.goal, self.sim.parts, self.evaluate)

    def position(self, thing: str) -> Point:
        return self.sim.position(self._part(thing))

    def knock(self, thing: str, shift: Sequence[float]) -> None:
        """Move a loose thing by [2] metres; what is held falls to where it stood. Raises ValueError."""
        part = self._part(thing)
        if not part.loose:
            raise ValueError(f"{thing} cannot be knocked: it is fixed")
        if len(shift) != 2 or not np.isfinite(np.asarray(shift, float)).all():
            raise ValueError(f"shift must be 2 finite numbers, got {shift!r}")
        self.sim.push(part, shift)

    def frame(self, camera: str, size: int = 128) -> Frame:
        """[size, size, 3], the top row first. Raises RenderingUnavailable, and ValueError for a camera or a size."""
        if camera not in self.cameras:
            raise ValueError(f"camera must be one of {', '.join(self.cameras)}, got {camera!r}")
        return self.sim.frame(camera, size)

    def close(self) -> None:
        """Free the simulator; `reset` builds it again."""
        if self._sim is not None:
            self._sim.close()
            self._sim = None

    def _part(self, name: str) -> Part:
        parts = self.sim.parts
        if name not in parts:
            raise ValueError(unknown("thing", name, parts))
        return parts[name]


def _init_of(options: Mapping[str, object], inits: int, drawn: int) -> int:
    """The initial state that options name, or the drawn one. Raises ValueError."""
    if strange := sorted(set(options) - {"init"}):
        raise ValueError(f"options may have init, got {', '.join(map(str, strange))}")
    init = options.get("init")
    if init is None:
        return drawn
    if type(init) is not int or not 0 <= init < inits:
        raise ValueError(f"init must be a whole number from 0 to {inits - 1}, got {init!r}")
    return init
