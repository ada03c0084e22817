"""Draws a map: rooms on a grid in one of several shapes, some doors, and which rooms lie behind which locked door."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sparring.envs.adventures.worlds.spec import DIRECTIONS, OPPOSITE, Direction, Exit, Room
from sparring.envs.adventures.worlds.themes import Theme

Cell = tuple[int, int]
STEPS: dict[str, Cell] = {"north": (0, -1), "south": (0, 1), "east": (1, 0), "west": (-1, 0)}
SHAPES = ("line", "hub", "tree", "ring", "grid")
LOOPS = {"line": 0.0, "hub": 0.1, "tree": 0.15, "ring": 0.6, "grid": 0.9}
"""How likely a way between two rooms that lie side by side is, beside those that connect all."""
UP_OR_DOWN = 0.15


@dataclass(slots=True)
class Map:
    """Rooms, the ways between them, and the locked doors."""

    rooms: list[str]
    shape: str
    parents: dict[str, str] = field(default_factory=dict)
    """The room from which each room but the first was reached."""
    exits: list[Exit] = field(default_factory=list)
    stages: dict[str, int] = field(default_factory=dict)
    """How many of the locked doors, in order, must be open to get to a room."""
    locked: list[str] = field(default_factory=list)
    """The locked doors, in that order."""
    plain: list[str] = field(default_factory=list)
    """The doors that are only closed."""

    def way_into(self, room: str) -> int:
        """The exit between a room and its parent."""
        ends = {room, self.parents[room]}
        return next(at for at, way in enumerate(self.exits) if {way.room, way.to} == ends)


def draw_map(rng: random.Random, theme: Theme, rooms: int, locks: int) -> Map:
    """A map of so many rooms of a theme; the first one is where the player starts."""
    names = rng.sample(sorted(theme.rooms), rooms)
    found = Map(names, rng.choice(SHAPES))
    _connect(rng, found)
    doors = rng.sample(theme.doors, min(len(theme.doors), locks + 1))
    _lock(rng, found, doors[:locks])
    _close(rng, found, doors[locks:])
    return found


def rooms_of(theme: Theme, drawn: Map) -> tuple[Room, ...]:
    """The rooms as a game has them."""
    return tuple(Room(name=name, text=theme.rooms[name]) for name in drawn.rooms)


def _connect(rng: random.Random, drawn: Map) -> None:
    cells: dict[Cell, str] = {(0, 0): drawn.rooms[0]}
    for room in drawn.rooms[1:]:
        cell, direction, beside = _free_cell(rng, drawn.shape, cells)
        parent = cells[cell]
        cells[beside] = room
        drawn.parents[room] = parent
        taken = {way.direction for way in drawn.exits if way.room == parent}
        taken |= {OPPOSITE[way.direction] for way in drawn.exits if way.to == parent}
        steep = [one for one in ("up", "down") if one not in taken]
        way = rng.choice(steep) if steep and rng.random() < UP_OR_DOWN else direction
        drawn.exits.append(Exit(room=parent, direction=_direction(way), to=room))
    for cell, room in cells.items():
        for direction in ("east", "south"):
            other = cells.get(_beside(cell, direction))
            if other and not _joined(drawn, room, other) and rng.random() < LOOPS[drawn.shape]:
                drawn.exits.append(Exit(room=room, direction=_direction(direction), to=other))


def _free_cell(rng: random.Random, shape: str, cells: dict[Cell, str]) -> tuple[Cell, str, Cell]:
    """(cell, direction, the free cell that lies there)."""
    order = list(cells)
    if shape in ("line", "ring"):
        order.reverse()
    elif shape != "hub":
        rng.shuffle(order)
    for cell in order:
        free = [way for way in STEPS if _beside(cell, way) not in cells]
        if free:
            way = rng.choice(free)
            return cell, way, _beside(cell, way)
    raise AssertionError("a grid without end has a free cell beside another")


def _beside(cell: Cell, direction: str) -> Cell:
    return cell[0] + STEPS[direction][0], cell[1] + STEPS[direction][1]


def _direction(word: str) -> Direction:
    return next(one for one in DIRECTIONS if one == word)


def _joined(drawn: Map, room: str, other: str) -> bool:
    return any({way.room, way.to} == {room, other} for way in drawn.exits)


def _lock(rng: random.Random, drawn: Map, doors: list[str]) -> None:
    """Lock ways into parts of the map; ways around them go."""
    drawn.stages = dict.fromkeys(drawn.rooms, 0)
    later = [room for room in drawn.rooms[1:] if len(_behind(drawn, room)) < len(drawn.rooms)]
    chosen = sorted(rng.sample(later, min(len(doors), len(later))), key=drawn.rooms.index)
    for door, room in zip(doors, chosen, strict=False):
        behind = _behind(drawn, room)
        between = drawn.way_into(room)
        crossing = [
            way for at, way in enumerate(drawn.exits) if at != between and (way.room in behind) != (way.to in behind)
        ]
        drawn.exits[between] = drawn.exits[between].model_copy(update={"door": door})
        drawn.exits = [way for way in drawn.exits if way not in crossing]
        drawn.locked.append(door)
        for inner in behind:
            drawn.stages[inner] = len(drawn.locked)


def _close(rng: random.Random, drawn: Map, doors: list[str]) -> None:
    """Put doors that are only closed into ways that have none."""
    for door in doors:
        free = [at for at, way in enumerate(drawn.exits) if way.door is None]
        if free and rng.random() < 0.5:
            at = rng.choice(free)
            drawn.exits[at] = drawn.exits[at].model_copy(update={"door": door})
            drawn.plain.append(door)


def _behind(drawn: Map, room: str) -> set[str]:
    """A room and those that were reached through it."""
    found = {room}
    for other in drawn.rooms:
        if drawn.parents.get(other) in found:
            found.add(other)
    return found
