"""Draws the ways between rooms that are given: a map on a grid, in which the rooms of a zone have one way in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.envs.adventures.worlds.maps import LOOPS, SHAPES, STEPS, UP_OR_DOWN, Cell
from sparring.envs.adventures.worlds.spec import DIRECTIONS, OPPOSITE, Direction, Exit, Facts, Room


@dataclass(frozen=True, slots=True)
class Zone:
    """Rooms that lie behind one way in. That of the first zone does not matter: the player starts in its first room."""

    rooms: tuple[Room, ...]
    door: str | None = None
    requires: Facts = ()
    """What must hold on the way in and out."""
    refusal: str = ""


def draw_ways(rng: random.Random, zones: Sequence[Zone]) -> tuple[Exit, ...]:
    """Exits that connect all rooms; ways around the one way into a zone are not drawn."""
    drawn = _Drawing(rng)
    for zone in zones:
        before = list(drawn.cells)
        for at, room in enumerate(zone.rooms):
            among = drawn.in_order([one.name for one in zone.rooms[:at]]) if at else before
            drawn.place(room.name, among, Zone((), None) if at else zone)
        drawn.close_loops([room.name for room in zone.rooms])
    return tuple(drawn.exits)


class _Drawing:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self.shape = rng, rng.choice(SHAPES)
        self.cells: dict[str, Cell] = {}
        self.exits: list[Exit] = []

    def in_order(self, rooms: list[str]) -> list[str]:
        """From which room the next one is reached: the best first."""
        if self.shape in ("line", "ring"):
            return rooms[::-1]
        return rooms if self.shape == "hub" else self.rng.sample(rooms, len(rooms))

    def place(self, room: str, among: list[str], zone: Zone) -> None:
        if not self.cells:
            self.cells[room] = (0, 0)
            return
        parent, direction = self._spot(among)
        self.cells[room] = beside(self.cells[parent], direction)
        way = self._steep(parent) or direction
        self.exits.append(
            Exit(
                room=parent, direction=named(way), to=room, door=zone.door, requires=zone.requires, refusal=zone.refusal
            )
        )

    def _spot(self, among: list[str]) -> tuple[str, str]:
        """A room and a direction in which a free cell lies; another room where these are surrounded."""
        for parent in [*among, *self.cells]:
            free = [way for way in STEPS if beside(self.cells[parent], way) not in self.cells.values()]
            if free:
                return parent, self.rng.choice(free)
        raise AssertionError("a grid without end has a free cell beside another")

    def _steep(self, parent: str) -> str:
        taken = {way.direction for way in self.exits if way.room == parent}
        taken |= {OPPOSITE[way.direction] for way in self.exits if way.to == parent}
        steep = [way for way in ("up", "down") if way not in taken]
        return self.rng.choice(steep) if steep and self.rng.random() < UP_OR_DOWN else ""

    def close_loops(self, rooms: list[str]) -> None:
        by_cell = {cell: room for room, cell in self.cells.items()}
        for room in rooms:
            for direction in ("east", "south"):
                other = by_cell.get(beside(self.cells[room], direction))
                if other in rooms and not self._joined(room, other) and self.rng.random() < LOOPS[self.shape]:
                    self.exits.append(Exit(room=room, direction=named(direction), to=str(other)))

    def _joined(self, room: str, other: str | None) -> bool:
        return any({way.room, way.to} == {room, other} for way in self.exits)


def beside(cell: Cell, direction: str) -> Cell:
    """The cell that lies in a direction."""
    return cell[0] + STEPS[direction][0], cell[1] + STEPS[direction][1]


def named(word: str) -> Direction:
    """A word as a direction."""
    return next(one for one in DIRECTIONS if one == word)
