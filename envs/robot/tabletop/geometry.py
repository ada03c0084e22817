"""The tabletop's geometry and rules, for both simulators. Metres; x to the right, y away from the viewer, z up."""

from __future__ import annotations

import numpy as np

from sparring.envs.robot.types import Point

HALF = 0.02
"""Half the edge of a cube."""
SPEED = 0.02
"""Metres that the hand moves in one control step at an action of 1, along each axis."""
REACH = ((-0.30, 0.30), (-0.30, 0.30), (0.012, 0.30))
HOME = (0.0, 0.0, 0.20)
MOST_OPEN = 0.08
"""Between the fingers, metres: an opening of 1."""
FINGER_SPEED = 0.25
"""Of the opening, in one control step."""
BIN_MIDDLE, BIN_HALF, BIN_WALL = (0.20, -0.12), 0.07, 0.03
BIN_FLOOR = 0.004
DRAWER_X, DRAWER_HALF_X, DRAWER_DEPTH = 0.20, 0.055, 0.11
"""Middle and half width of the inside, and how deep it is along y."""
DRAWER_FRONT = 0.16
"""y of the drawer's front face when it is closed: it slides towards the viewer."""
DRAWER_TRAVEL = 0.12
DRAWER_FLOOR, DRAWER_WALL = 0.006, 0.045
HANDLE_OUT, HANDLE_HEIGHT, HANDLE_HALF = 0.035, 0.03, 0.006
"""How far the handle stands out of the front face, at which height, and half its thickness."""
CABINET_TOP = 0.07
LAMP_AT, BUTTON_TOP, BUTTON_REACH = (-0.22, 0.20), 0.04, 0.02
OPEN_FROM, CLOSED_TO = 0.09, 0.015
"""Metres of the drawer's travel: "open" from here, "closed" up to here."""
LIFTED = 0.05
"""A cube is held when it is in the hand and its middle is higher than this above what it stood on."""


def drawer_front(travel: float) -> float:
    """y of the front face."""
    return DRAWER_FRONT - travel


def handle_of(travel: float) -> Point:
    """Where the handle is taken hold of."""
    return np.array([DRAWER_X, drawer_front(travel) - HANDLE_OUT, HANDLE_HEIGHT])


def drawer_middle(travel: float) -> Point:
    """The middle of what of the drawer's floor can be reached from above."""
    front = drawer_front(travel)
    back = min(front + DRAWER_DEPTH, DRAWER_FRONT)
    return np.array([DRAWER_X, (front + back) / 2, DRAWER_FLOOR])


def in_drawer(x: float, y: float, z: float, travel: float) -> bool:
    """Whether the middle of a cube is inside the drawer."""
    front = drawer_front(travel)
    return abs(x - DRAWER_X) < DRAWER_HALF_X and front < y < front + DRAWER_DEPTH and z < DRAWER_WALL + HALF


def in_bin(x: float, y: float, z: float) -> bool:
    """Whether the middle of a cube is inside the bin; one on top of another counts."""
    return abs(x - BIN_MIDDLE[0]) < BIN_HALF and abs(y - BIN_MIDDLE[1]) < BIN_HALF and z < BIN_WALL + 3 * HALF
