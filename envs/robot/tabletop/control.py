"""The tabletop as a control world: continuous actions, one instruction.

gymnasium.make("sparring.envs:sparring/TabletopControl-v0", simulator="twin")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from sparring import registry
from sparring.envs.code.split_rng import Split
from sparring.envs.robot.control import ControlEnv, Info
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.raster import drawn
from sparring.envs.robot.tabletop.scene import MOST_PIXELS
from sparring.envs.robot.tabletop.tasks import BIN, CUBES, DRAWER, LAMP, Task, task_of
from sparring.envs.robot.tabletop.twin import Twin
from sparring.envs.robot.types import Array, Frame, Point
from sparring.robotics.words import Clause

if TYPE_CHECKING:
    from sparring.envs.robot.tabletop.simulation.physics import Physics

Simulator = Literal["twin", "mujoco"]
SIMULATORS: tuple[Simulator, ...] = get_args(Simulator)
STATE = 4 + 3 * CUBES + 2
CAP = 120
"""Control steps of a task for each subgoal of its shortest plan; scripted play needs about 45."""


class Bodies(Protocol):
    """What moves: the twin, or MuJoCo."""

    simulator: str
    cameras: tuple[str, ...]
    hand: list[float]
    opening: float
    cubes: list[list[float]]
    travel: float
    lamp: bool

    def vector(self) -> Array: ...
    def move(self, action: Sequence[float]) -> None: ...
    def in_hand(self, cube: int) -> bool: ...
    def is_held(self, cube: int) -> bool: ...
    def is_on(self, cube: int, under: int) -> bool: ...
    def let_go(self) -> None: ...
    def shift(self, cube: int, by: Sequence[float]) -> None: ...


@registry.envs.register(
    "sparring/TabletopControl-v0", family="robot", skills=("control",), version="1", reward_range=(0.0, 1.0)
)
class TabletopControl(ControlEnv):
    """Move a gripper over a table until what is asked for holds.

    simulator: "twin" (kinematic, needs nothing) or "mujoco" (physics; the extra "robot").
    split: "train" or "held_out": other instructions.
    task: draw tasks of this family alone: bin, two, stack, tower, drawer, light, tidy, everything; None: of all.
    max_steps: control steps until truncation; None: 120 for each subgoal of the shortest plan.

    Actions are [4]: dx, dy, dz (1 is 2 cm), and the gripper (-1 opens, 1 closes). Observations are [18]: hand x, y, z
    (metres), opening (0 to 1), x, y, z of the four cubes in the order of info["cubes"], the drawer's travel (metres),
    the lamp (0, 1). The reward is 1 when the goal holds.
    """

    metadata: dict[str, object] = {**ControlEnv.metadata, "name": "sparring/TabletopControl-v0"}

    def __init__(
        self,
        simulator: Simulator = "twin",
        split: Split = "train",
        task: str | None = None,
        max_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if simulator not in SIMULATORS:
            raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, got {simulator!r}")
        self._make = bodies_of(simulator)
        self.cameras = self._make.cameras
        self.split, self.family = split, task
        task_of(0, split, task)
        super().__init__(4, STATE, max_steps, render_mode)

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Array, Info]:
        """The task of a seed; `options` are not used."""
        state, info = super().reset(seed=seed, options=options)
        return state, info | {"task": self.task.family, "cubes": list(self.task.cubes)}

    def _begin(self, seed: int, options: Mapping[str, object]) -> None:
        self.task = self.task_for(seed)
        self.bodies = self._make(self.task)
        self.instruction, self.goal, self.things = self.task.instruction, self.task.goal, self.task.things
        self.cap = CAP * len(self.task.plan)
        self._index = {name: at for at, name in enumerate(self.task.cubes)}

    def task_for(self, seed: int) -> Task:
        """The task of a seed."""
        return task_of(seed, self.split, self.family)

    @property
    def simulator(self) -> str:
        return self.bodies.simulator

    @property
    def state(self) -> Array:
        return self.bodies.vector()

    @property
    def hand(self) -> Point:
        return np.array(self.bodies.hand, np.float64)

    @property
    def opening(self) -> float:
        return float(self.bodies.opening)

    def advance(self, action: Array) -> None:
        """One control step."""
        self.bodies.move(action.tolist())

    def position(self, thing: str) -> Point:
        """The middle of a cube; the handle of the drawer; the floor of the bin; the button of the lamp."""
        if thing in self._index:
            return np.array(self.bodies.cubes[self._index[thing]], np.float64)
        if thing == DRAWER:
            return g.handle_of(self.bodies.travel)
        if thing == BIN:
            return np.array([*g.BIN_MIDDLE, g.BIN_FLOOR])
        if thing == LAMP:
            return np.array([*g.LAMP_AT, g.BUTTON_TOP])
        raise self._unknown(thing)

    def evaluate(self, clause: Clause) -> bool:
        """Whether a clause holds now."""
        bodies, name, arguments = self.bodies, clause.name, clause.arguments
        if name == "holding" and len(arguments) == 1:
            return bodies.is_held(self._cube(arguments[0]))
        if name in ("in", "on") and len(arguments) == 2:
            return self._lies(name, *arguments)
        if name in ("open", "closed") and arguments == (DRAWER,):
            return bodies.travel >= g.OPEN_FROM if name == "open" else bodies.travel <= g.CLOSED_TO
        if name in ("turned on", "turned off") and arguments == (LAMP,):
            return bodies.lamp == (name == "turned on")
        raise ValueError(f"there is no clause {clause} in this world")

    def facts(self) -> tuple[Clause, ...]:
        """What is held, where every cube is, the drawer, the lamp."""
        found = [Clause("holding", (name,)) for name in self.task.cubes if self.bodies.is_held(self._index[name])]
        for name in self.task.cubes:
            found += [Clause("in", (name, place)) for place in (BIN, DRAWER) if self._lies("in", name, place)]
            found += [Clause("on", (name, other)) for other in self.task.cubes if self._lies("on", name, other)]
        travel = self.bodies.travel
        found += [Clause("open", (DRAWER,))] if travel >= g.OPEN_FROM else []
        found += [Clause("closed", (DRAWER,))] if travel <= g.CLOSED_TO else []
        return (*found, Clause("turned on" if self.bodies.lamp else "turned off", (LAMP,)))

    def knock(self, thing: str, shift: Sequence[float]) -> None:
        """Move a cube by [2] metres; other things stand fast."""
        if thing in self._index:
            self.bodies.shift(self._index[thing], shift)

    def frame(self, camera: str, size: int = 128) -> Frame:
        """A picture: the twin draws itself from above; MuJoCo draws what its cameras see."""
        if camera not in self.cameras:
            raise ValueError(f"camera must be one of {', '.join(self.cameras)}, got {camera!r}")
        if type(size) is not int or not 1 <= size <= MOST_PIXELS:
            raise ValueError(f"size must be a whole number from 1 to {MOST_PIXELS}, got {size!r}")
        own: Callable[[str, int], Frame] | None = getattr(self.bodies, "frame", None)
        return own(camera, size) if own else drawn(self.task.cubes, self.state, size)

    def close(self) -> None:
        """Free what the simulator holds."""
        shut: Callable[[], None] | None = getattr(getattr(self, "bodies", None), "close", None)
        if shut:
            shut()

    def _lies(self, relation: str, thing: str, where: str) -> bool:
        bodies, cube = self.bodies, self._cube(thing)
        if relation == "on":
            return thing != where and bodies.is_on(cube, self._cube(where))
        if bodies.in_hand(cube):
            return False
        x, y, z = bodies.cubes[cube]
        if where == BIN:
            return g.in_bin(x, y, z)
        if where == DRAWER:
            return g.in_drawer(x, y, z, bodies.travel)
        raise self._unknown(where)

    def _cube(self, thing: str) -> int:
        if thing not in self._index:
            raise self._unknown(thing)
        return self._index[thing]

    def _unknown(self, thing: str) -> ValueError:
        return ValueError(f"there is no {thing!r} of that kind; there is: {', '.join(self.things)}")


def bodies_of(simulator: Simulator) -> type[Twin] | type[Physics]:
    """What makes the bodies of a task. Raises MissingExtra where MuJoCo is not installed."""
    if simulator == "twin":
        return Twin
    registry.require_installed("mujoco", "robot")
    from sparring.envs.robot.tabletop.simulation.physics import Physics

    return Physics
