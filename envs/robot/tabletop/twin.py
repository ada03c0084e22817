"""The kinematic twin: the tabletop without dynamics. Bodies move only when they are carried, pulled, pushed or dropped.

It has the tasks, actions, observations and predicates of the simulation by MuJoCo, needs nothing installed, and makes
some 50,000 control steps a second. What it leaves out: contacts between a carried cube and others, tumbling, sliding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.tasks import CUBES, Task
from sparring.envs.robot.types import Array

HANDLE = CUBES
"""What the hand holds when it holds the handle; a cube is its index."""
GRASP_ACROSS, GRASP_ALONG, GRASP_HEIGHT = 0.012, 0.018, 0.016
"""How far the middle of a cube may be from the point between the fingers: x, y, z, metres."""
CUBE_OPENING = 2 * g.HALF / g.MOST_OPEN
HANDLE_OPENING = 0.02 / g.MOST_OPEN
TOUCH = 0.019
"""Of the opening, beyond the width of a thing: the fingers take it already."""
LET_GO = 0.06
"""Of the opening, beyond that of what is held: then it is let go."""

HIGH = 1.0
"""Metres: above everything."""


class Twin:
    """State and motion."""

    simulator = "twin 1"
    cameras: tuple[str, ...] = ("top",)

    def __init__(self, task: Task) -> None:
        self.hand = list(g.HOME)
        self.opening = 1.0
        self.cubes = [[x, y, g.HALF] for x, y in task.places]
        self.travel = g.DRAWER_TRAVEL if task.drawer_open else 0.0
        self.lamp = False
        self.held: int | None = None
        self._stood = g.HALF
        """z of the held cube before it was taken."""

    def vector(self) -> Array:
        """[18]: hand x, y, z, opening, x, y, z of every cube, the drawer's travel, the lamp."""
        a, b, c, d = self.cubes
        return np.array([*self.hand, self.opening, *a, *b, *c, *d, self.travel, self.lamp], np.float32)

    def move(self, action: Sequence[float]) -> None:
        """One control step: the hand moves, then the fingers."""
        before = self.hand
        dx, dy, dz, grip = action
        reach_x, reach_y, reach_z = g.REACH
        x, y, z = before
        x, y = _within(x + g.SPEED * dx, reach_x), _within(y + g.SPEED * dy, reach_y)
        self.hand = [x, y, _within(z + g.SPEED * dz, reach_z)]
        if self.held == HANDLE:
            self._pull(before)
        elif self.held is not None:
            self.cubes[self.held] = list(self.hand)
        else:
            self._keep_out(before)
            self._push(before)
        self._press(before)
        self._grip(grip)

    def in_hand(self, cube: int) -> bool:
        """Whether a cube is between the fingers, lifted or not."""
        return self.held == cube

    def is_held(self, cube: int) -> bool:
        """Whether a cube is in the hand and lifted."""
        return self.held == cube and self.cubes[cube][2] - self._stood > g.LIFTED

    def is_on(self, cube: int, under: int) -> bool:
        """Whether a cube lies on another one."""
        (x, y, z), (ux, uy, uz) = self.cubes[cube], self.cubes[under]
        return self.held != cube and abs(x - ux) < g.HALF and abs(y - uy) < g.HALF and abs(z - uz - 2 * g.HALF) < 0.01

    def let_go(self) -> None:
        """What is held falls, or the handle is free."""
        held, self.held = self.held, None
        if held is not None and held != HANDLE:
            self.cubes[held][2] = self._support(held) + g.HALF

    def shift(self, cube: int, by: Sequence[float]) -> None:
        """Move a cube; where something stands already it is put on top, and what stands on nothing falls."""
        if self.held == cube:
            self.let_go()
        x, y, _ = self.cubes[cube]
        self.cubes[cube] = [_within(x + by[0], g.REACH[0]), _within(y + by[1], g.REACH[1]), HIGH]
        self._settle()

    # What follows a motion.

    def _pull(self, before: list[float]) -> None:
        """The hand is on the handle: it goes where the drawer goes."""
        wanted = _within(self.travel - (self.hand[1] - before[1]), (0.0, g.DRAWER_TRAVEL))
        self._slide(wanted)
        self.hand = [float(value) for value in g.handle_of(self.travel)]

    def _push(self, before: list[float]) -> None:
        """A low hand in front of the drawer pushes it."""
        x, y, z = self.hand
        in_front = abs(x - g.DRAWER_X) < g.DRAWER_HALF_X and z < g.DRAWER_WALL + 0.01
        edge = g.drawer_front(self.travel) - g.HANDLE_OUT
        if in_front and before[1] <= edge + 1e-9 < y:
            self._slide(max(0.0, self.travel - (y - edge)))
            self.hand[1] = min(y, g.drawer_front(self.travel) - g.HANDLE_OUT)

    def _slide(self, travel: float) -> None:
        moved = travel - self.travel
        for at, (x, y, z) in enumerate(self.cubes):
            if self.held != at and g.in_drawer(x, y, z, self.travel):
                self.cubes[at][1] = y - moved
        self.travel = travel

    def _keep_out(self, before: list[float]) -> None:
        """The hand does not enter the cabinet."""
        x, y, z = self.hand
        if y > g.DRAWER_FRONT and z < g.CABINET_TOP + 0.01 and abs(x - g.DRAWER_X) < 0.08:
            self.hand = before

    def _press(self, before: list[float]) -> None:
        near = abs(self.hand[0] - g.LAMP_AT[0]) < g.BUTTON_REACH and abs(self.hand[1] - g.LAMP_AT[1]) < g.BUTTON_REACH
        if near and self.hand[2] < g.BUTTON_TOP <= before[2]:
            self.lamp = not self.lamp

    def _grip(self, command: float) -> None:
        least = 0.0 if self.held is None else HANDLE_OPENING if self.held == HANDLE else CUBE_OPENING
        before, self.opening = self.opening, _within(self.opening - g.FINGER_SPEED * command, (least, 1.0))
        if self.held is not None and self.opening > least + LET_GO:
            self.let_go()
        elif self.held is None and command > 0:
            self._take(before)

    def _take(self, before: float) -> None:
        x, y, z = self.hand
        for at, (cx, cy, cz) in enumerate(self.cubes):
            near = abs(cx - x) < GRASP_ACROSS and abs(cy - y) < GRASP_ALONG and abs(cz - z) < GRASP_HEIGHT
            if near and before >= CUBE_OPENING >= self.opening - TOUCH and not self._is_under(at):
                self.held, self.opening, self._stood = at, CUBE_OPENING, cz
                return
        hx, hy, hz = (float(value) for value in g.handle_of(self.travel))
        near = abs(hx - x) < GRASP_ALONG and abs(hy - y) < GRASP_ALONG and abs(hz - z) < GRASP_HEIGHT
        if near and before >= HANDLE_OPENING >= self.opening - TOUCH:
            self.held, self.opening = HANDLE, HANDLE_OPENING

    def _is_under(self, cube: int) -> bool:
        return any(self.is_on(other, cube) for other in range(CUBES) if other != cube)

    def _settle(self) -> None:
        for cube in sorted(range(CUBES), key=lambda at: self.cubes[at][2]):
            if cube != self.held:
                self.cubes[cube][2] = self._support(cube) + g.HALF

    def _support(self, cube: int) -> float:
        """The height of what is below a cube."""
        x, y, z = self.cubes[cube]
        heights = [0.0]
        if g.in_bin(x, y, 0.0):
            heights.append(g.BIN_FLOOR)
        if g.in_drawer(x, y, 0.0, self.travel) and y < g.DRAWER_FRONT:
            heights.append(g.DRAWER_FLOOR)
        for other, (ox, oy, oz) in enumerate(self.cubes):
            if other not in (cube, self.held) and oz < z and abs(ox - x) < 1.5 * g.HALF and abs(oy - y) < 1.5 * g.HALF:
                heights.append(oz + g.HALF)
        return max(heights)


def _within(value: float, ends: tuple[float, float]) -> float:
    return ends[0] if value < ends[0] else ends[1] if value > ends[1] else value
