"""Looking once: a small detector finds a cube that is named by its colour in the picture from above.

    64 x 64 picture ─► for every pixel its 3 x 3 neighbours and the colour asked for ─► a score
                    ─► softmax over all pixels ─► the mean place ─► x, y on the table

A policy that acts on every frame was not learnt on a CPU (the hand hides the cube); to look once for every subgoal, and
then to act on where things were seen, is. The picture gives x and y; heights, drawer and lamp come from the state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.tabletop import is_around_a_cube
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.raster import RGB
from sparring.envs.robot.types import Array, ExecutorFailed, Frame, Point, World
from sparring.robotics.words import Clause, Thing

PIXELS, AROUND = 64, 3
INPUTS = 3 * AROUND * AROUND + 3
SURE = 0.6
"""Of the softmax, within `NEAR` pixels of its peak: then the cube was seen."""
NEAR = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a cube was seen."""

    x: float
    y: float
    sure: float
    """Share of the softmax around its peak, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Eye:
    """The detector."""

    scores: Network
    """[30] of a pixel to [1]."""
    places: Network
    """[2] mean place in the picture, from -1 to 1, to [2] metres."""

    def find(self, frame: Frame, colours: Sequence[str]) -> list[Sight]:
        """Where the cubes of these colours are, in a picture from above [h, w, 3] whose size is a multiple of 64."""
        neighbours = neighbours_of(small(frame))
        return [self._find(neighbours, colour) for colour in colours]

    def _find(self, neighbours: Array, colour: str) -> Sight:
        asked = np.broadcast_to(colour_of(colour), (len(neighbours), 3))
        scores = self.scores(np.concatenate([neighbours, asked], 1))[:, 0]
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        x, y = (float(value) for value in self.places(chances @ PLACES))
        row, column = divmod(int(chances.argmax()), PIXELS)
        rows, columns = np.divmod(np.arange(PIXELS * PIXELS), PIXELS)
        near = (abs(rows - row) <= NEAR) & (abs(columns - column) <= NEAR)
        return Sight(x, y, float(chances[near].sum()))


def _places() -> Array:
    """[4096, 2]: x and y of every pixel, -1 to 1."""
    along = (np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1
    return np.stack([np.tile(along, PIXELS), np.repeat(-along, PIXELS)], 1).astype(np.float32)


PLACES = _places()


def neighbours_of(frame: Array) -> Array:
    """[4096, 27]: every pixel of a picture [64, 64, 3] with those around it; the edge is repeated."""
    padded = np.pad(frame, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (AROUND, AROUND), axis=(0, 1))
    return np.ascontiguousarray(windows).reshape(PIXELS * PIXELS, -1)


def small(frame: Frame) -> Array:
    """[64, 64, 3], -1 to 1. Raises ExecutorFailed for a picture of another shape."""
    times = frame.shape[0] // PIXELS
    if times < 1 or frame.shape != (times * PIXELS, times * PIXELS, 3):
        raise ExecutorFailed(f"the picture must be square, its side a multiple of {PIXELS}, got {frame.shape}")
    pooled = frame.reshape(PIXELS, times, PIXELS, times, 3).mean((1, 3), dtype=np.float32)
    scaled: Array = pooled / 127.5 - 1
    return scaled


def colour_of(name: str) -> Array:
    """[3]: a colour by its name, -1 to 1."""
    return np.array(RGB[name], np.float32) / 127.5 - 1


class Seen:
    """A world as it was seen: cubes are where the picture showed them, or in the hand since it closed on one."""

    def __init__(self, world: World, places: Mapping[str, tuple[float, float]], carried: str | None) -> None:
        self.world, self._places, self._carried = world, dict(places), carried

    @property
    def hand(self) -> Point:
        """The world's own."""
        return self.world.hand

    @property
    def opening(self) -> float:
        """The world's own."""
        return self.world.opening

    @property
    def things(self) -> Mapping[str, Thing]:
        """The world's own."""
        return self.world.things

    def position(self, thing: str) -> Point:
        """Where a thing is taken to be."""
        if thing == self._carried:
            return self.hand
        at = self.world.position(thing)
        return np.array([*self._places[thing], at[2]]) if thing in self._places else at

    def feel(self, thing: str) -> None:
        """Notice by the fingers whether a thing came into the hand, or left it."""
        closed = is_around_a_cube(self.opening)
        if self._carried is not None and not closed:
            self._places[self._carried] = (float(self.hand[0]), float(self.hand[1]))
            self._carried = None
        elif self._carried is None and closed and float(np.abs(self.hand - self.position(thing)).max()) < g.HALF:
            self._carried = thing

    def evaluate(self, clause: Clause) -> bool:
        """What follows from where things were seen; of the drawer and the lamp, the world's own account."""
        name, arguments = clause.name, clause.arguments
        if name == "holding":
            return arguments[0] == self._carried and bool(self.hand[2] > g.HALF + g.LIFTED)
        if name not in ("in", "on"):
            return self.world.evaluate(clause)
        x, y, z = (float(value) for value in self.position(arguments[0]))
        if arguments[0] == self._carried:
            return False
        if arguments[1] == "bin":
            return g.in_bin(x, y, z)
        if arguments[1] == "drawer":
            travel = g.DRAWER_FRONT - g.HANDLE_OUT - float(self.world.position("drawer")[1])
            return g.in_drawer(x, y, z, travel)
        ux, uy, uz = (float(value) for value in self.position(arguments[1]))
        return abs(x - ux) < g.HALF and abs(y - uy) < g.HALF and abs(z - uz - 2 * g.HALF) < 0.01
