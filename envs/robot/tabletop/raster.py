"""The twin's picture: the table from above, without a graphics library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.types import Array, Frame

RGB = {
    "red": (214, 48, 49),
    "green": (39, 174, 96),
    "blue": (41, 98, 255),
    "yellow": (245, 205, 45),
    "purple": (142, 68, 173),
    "orange": (240, 128, 30),
    "white": (245, 245, 245),
    "black": (30, 30, 30),
}
TABLE, BIN, CABINET, DRAWER, HANDLE = (186, 170, 148), (110, 118, 130), (120, 84, 52), (160, 118, 78), (60, 60, 60)
LAMP_ON, LAMP_OFF, HAND = (255, 236, 120), (90, 90, 90), (70, 75, 85)


def drawn(cubes: Sequence[str], state: Array, size: int) -> Frame:
    """[size, size, 3]: the table from above; what is higher is drawn later."""
    picture = np.empty((size, size, 3), np.uint8)
    picture[:] = TABLE
    travel, lamp = float(state[-2]), bool(state[-1])
    _box(picture, (*g.BIN_MIDDLE,), (g.BIN_HALF, g.BIN_HALF), BIN)
    front = g.drawer_front(travel)
    middle = (g.DRAWER_X, front + g.DRAWER_DEPTH / 2)
    _box(picture, middle, (g.DRAWER_HALF_X + 0.006, g.DRAWER_DEPTH / 2 + 0.004), DRAWER)
    _box(picture, (g.DRAWER_X, front - g.HANDLE_OUT), (0.03, 0.006), HANDLE)
    _box(picture, g.LAMP_AT, (g.BUTTON_REACH, g.BUTTON_REACH), LAMP_ON if lamp else LAMP_OFF)
    places = state[4:-2].reshape(-1, 3)
    for at in np.argsort(places[:, 2], kind="stable"):
        x, y, _ = (float(value) for value in places[at])
        _box(picture, (x, y), (g.HALF, g.HALF), RGB[cubes[at].split()[0]])
    _box(picture, (g.DRAWER_X, g.DRAWER_FRONT + 0.08), (0.075, 0.08), CABINET)
    x, y, opening = float(state[0]), float(state[1]), float(state[3])
    for side in (-1, 1):
        _box(picture, (x, y + side * (opening * g.MOST_OPEN / 2 + 0.006)), (0.012, 0.006), HAND)
    return picture


def _box(picture: Frame, middle: tuple[float, ...], half: tuple[float, float], colour: tuple[int, int, int]) -> None:
    size = len(picture)
    (low_x, high_x), (low_y, high_y), _ = g.REACH
    left, right = (round((middle[0] + side * half[0] - low_x) / (high_x - low_x) * size) for side in (-1, 1))
    top, bottom = (round((high_y - middle[1] + side * half[1]) / (high_y - low_y) * size) for side in (-1, 1))
    picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = colour
