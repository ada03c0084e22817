"""The tabletop by MuJoCo: the same tasks, actions, observations and predicates as the twin's, with contacts and weight.

An action moves the places that five position servos hold: the hand's three and the two fingers'. A cube is in the hand
when both fingers touch it. One model is compiled in a process; every task has data of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import mujoco
import numpy as np

from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.scene import SUBSTEPS, mjcf
from sparring.envs.robot.tabletop.tasks import CUBES, Task
from sparring.envs.robot.types import Array, Frame

LEAD = 0.02
"""Metres that a servo's place may be ahead of the hand: one that is blocked stores no more than this."""
SQUEEZE = 0.010
"""Metres that the fingers' place may be ahead of a finger: with the servo's stiffness, the force on what is held."""
PRESSED, RELEASED = 0.010, 0.004
"""Metres that the button goes down until the lamp toggles, and up to which it must rise before the next time."""
FALL = 12
"""Control steps that a cube may take to leave open fingers."""
OVERLAP = 0.001
"""Metres that two bodies may be inside each other after one was moved by hand."""


class Layout:
    """Where in the vectors of MuJoCo the numbers of the tabletop are."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.hand = [int(model.joint(name).qposadr[0]) for name in "xyz"]
        self.fingers = [int(model.joint(name).qposadr[0]) for name in ("left", "right")]
        self.drawer, self.button = (int(model.joint(name).qposadr[0]) for name in ("drawer", "button"))
        self.cubes = [int(model.joint(f"cube{at}").qposadr[0]) for at in range(CUBES)]
        self.speeds = [int(model.joint(f"cube{at}").dofadr[0]) for at in range(CUBES)]
        self.cube_geoms = [int(model.geom(f"cube{at}").id) for at in range(CUBES)]
        self.finger_geoms = [int(model.geom(name).id) for name in ("left", "right")]
        self.bulb = int(model.geom("bulb").id)


@cache
def model() -> tuple[mujoco.MjModel, Layout]:
    """The model, compiled once in a process."""
    compiled = mujoco.MjModel.from_xml_string(mjcf())
    return compiled, Layout(compiled)


class Physics:
    """Bodies that MuJoCo moves."""

    simulator = f"mujoco {mujoco.__version__}"
    cameras: tuple[str, ...] = ("top", "front", "wrist")

    def __init__(self, task: Task) -> None:
        self._model, self._at = model()
        self._data = mujoco.MjData(self._model)
        self._names = task.cubes
        self._place(task)
        self.lamp = False
        self._pressed = False
        self._touched: set[int] = set()
        """The cubes between the fingers."""
        self._stood = [g.HALF] * CUBES
        """z of every cube when it was last not between the fingers."""
        self._wanted = [*g.HOME, g.MOST_OPEN / 2]
        """The places that the servos hold: hand x, y, z, fingers; metres."""
        mujoco.mj_forward(self._model, self._data)
        self._read()

    def _place(self, task: Task) -> None:
        qpos, at = self._data.qpos, self._at
        qpos[at.hand] = g.HOME
        qpos[at.fingers] = g.MOST_OPEN / 2
        qpos[at.drawer] = g.DRAWER_TRAVEL if task.drawer_open else 0.0
        for cube, (x, y) in enumerate(task.places):
            qpos[at.cubes[cube] : at.cubes[cube] + 7] = (x, y, g.HALF, 1, 0, 0, 0)

    def vector(self) -> Array:
        """[18]: hand x, y, z, opening, x, y, z of every cube, the drawer's travel, the lamp."""
        a, b, c, d = self.cubes
        return np.array([*self.hand, self.opening, *a, *b, *c, *d, self.travel, self.lamp], np.float32)

    def move(self, action: Sequence[float]) -> None:
        """One control step, of `SUBSTEPS` steps of the physics."""
        wanted, fingers = self._wanted, self.opening * g.MOST_OPEN / 2
        for axis in range(3):
            here = self.hand[axis]
            led = _within(wanted[axis] + g.SPEED * action[axis], here - LEAD, here + LEAD)
            wanted[axis] = _within(led, *g.REACH[axis])
        step = g.FINGER_SPEED * g.MOST_OPEN / 2
        led = _within(wanted[3], fingers - SQUEEZE, fingers + SQUEEZE) - step * action[3]
        wanted[3] = _within(_within(led, fingers - SQUEEZE, fingers + SQUEEZE), 0.0, g.MOST_OPEN / 2)
        self._run()

    def _run(self) -> None:
        x, y, z, fingers = self._wanted
        self._data.ctrl[:] = (x, y, z, fingers, fingers)
        mujoco.mj_step(self._model, self._data, SUBSTEPS)
        self._read()

    def _read(self) -> None:
        """What the bodies show, as plain numbers."""
        at, qpos = self._at, self._data.qpos.tolist()
        self.hand: list[float] = [qpos[index] for index in at.hand]
        left, right = at.fingers
        self.opening: float = _within((qpos[left] + qpos[right]) / g.MOST_OPEN, 0.0, 1.0)
        self.cubes: list[list[float]] = [qpos[index : index + 3] for index in at.cubes]
        self.travel: float = _within(qpos[at.drawer], 0.0, g.DRAWER_TRAVEL)
        self._toggle(qpos[at.button])
        self._touched = self._between()
        for cube in range(CUBES):
            if cube not in self._touched:
                self._stood[cube] = self.cubes[cube][2]

    def _toggle(self, depth: float) -> None:
        if depth > PRESSED and not self._pressed:
            self.lamp, self._pressed = not self.lamp, True
        elif depth < RELEASED:
            self._pressed = False

    def _between(self) -> set[int]:
        """The cubes that both fingers touch."""
        pairs = {(first, second) for first, second in self._data.contact.geom.tolist()}
        left, right = self._at.finger_geoms
        return {
            cube
            for cube, geom in enumerate(self._at.cube_geoms)
            if {(left, geom), (geom, left)} & pairs and {(right, geom), (geom, right)} & pairs
        }

    def in_hand(self, cube: int) -> bool:
        """Whether a cube is between the fingers, lifted or not."""
        return cube in self._touched

    def is_held(self, cube: int) -> bool:
        """Whether a cube is in the hand and lifted."""
        return cube in self._touched and self.cubes[cube][2] - self._stood[cube] > g.LIFTED

    def is_on(self, cube: int, under: int) -> bool:
        """Whether a cube lies on another one."""
        (x, y, z), (ux, uy, uz) = self.cubes[cube], self.cubes[under]
        close = abs(x - ux) < g.HALF and abs(y - uy) < g.HALF and abs(z - uz - 2 * g.HALF) < 0.01
        return close and cube not in self._touched

    def let_go(self) -> None:
        """The fingers open by themselves until what was between them has fallen out, or rests where it is."""
        lost = set(self._touched)
        self._wanted[3] = g.MOST_OPEN / 2
        for _ in range(FALL):
            self._run()
            if all(self.hand[2] - self.cubes[cube][2] > 2 * g.HALF for cube in lost) and self.opening > 0.7:
                return

    def shift(self, cube: int, by: Sequence[float]) -> None:
        """Move a cube; where something stands already, it is put on top."""
        if cube in self._touched:
            self.let_go()
        start, speed = self._at.cubes[cube], self._at.speeds[cube]
        x, y, z = self.cubes[cube]
        qpos, qvel = self._data.qpos, self._data.qvel
        qpos[start : start + 2] = (_within(x + by[0], *g.REACH[0]), _within(y + by[1], *g.REACH[1]))
        qvel[speed : speed + 6] = 0
        for up in range(20):
            qpos[start + 2] = z + up * g.HALF / 2
            mujoco.mj_forward(self._model, self._data)
            if not self._overlaps(cube):
                break
        self._read()

    def _overlaps(self, cube: int) -> bool:
        contact, geom = self._data.contact, self._at.cube_geoms[cube]
        return bool(((contact.geom == geom).any(axis=1) & (contact.dist < -OVERLAP)).any())

    def frame(self, camera: str, size: int) -> Frame:
        """[size, size, 3]: what a camera sees. Raises RenderingUnavailable where there is no OpenGL."""
        from sparring.envs.robot.tabletop.simulation.rendering import picture

        return picture(self._model, self._data, camera, size, self._colours())

    def _colours(self) -> dict[int, tuple[int, int, int]]:
        """Red, green, blue (0 to 255) of the geometries whose colour is the task's, or the lamp's."""
        from sparring.envs.robot.tabletop.raster import LAMP_OFF, LAMP_ON, RGB

        cubes = {self._at.cube_geoms[at]: RGB[name.split()[0]] for at, name in enumerate(self._names)}
        return cubes | {self._at.bulb: LAMP_ON if self.lamp else LAMP_OFF}


def _within(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
