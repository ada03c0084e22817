"""The rules of snake for several: cells, bodies, apples, and who dies when all move at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from sparring.envs.rng import Rng

Cell = tuple[int, int]
"""(row, column), from 0 at the top left."""
HEADS, BODIES, APPLE = b"ABCDEF", b"abcdef", ord("*")
"""On the grid; heads and bodies by player."""
Draw = Callable[[int, int], int]
"""From the first number to the second, both included."""
OUTSIDE: Cell = (-1, -1)
"""Any cell that is not on the grid."""
STEPS: dict[str, Cell] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@cache
def all_cells(size: int) -> tuple[Cell, ...]:
    """Of a grid, row by row."""
    return tuple((row, column) for row in range(size) for column in range(size))


@cache
def cells_ahead(size: int) -> dict[str, dict[Cell, Cell]]:
    """By direction, the cell ahead of each cell; nothing where the grid ends."""
    cells = all_cells(size)
    steps = {
        direction: {(row, column): (row + down, column + right) for row, column in cells}
        for direction, (down, right) in STEPS.items()
    }
    return {direction: {cell: to for cell, to in step.items() if to in step} for direction, step in steps.items()}


@cache
def empty_grid(size: int) -> bytes:
    """Dots, with a blank or the end of a row behind each."""
    return "\n".join([" ".join("." * size)] * size).encode("ascii")


@dataclass(slots=True)
class Snakes:
    """A grid with snakes and apples; lists are by player."""

    size: int
    bodies: list[list[Cell]]
    """Head first; empty where the snake is dead."""
    apples: list[Cell]
    eaten: list[int]
    lived: list[int]
    """Steps that each snake has survived."""

    @property
    def living(self) -> list[int]:
        """The players whose snakes are alive."""
        return [player for player, body in enumerate(self.bodies) if body]

    @property
    def best(self) -> list[int]:
        """The players who are ahead: those that lived longest, and among these those that ate most."""
        marks = list(zip(self.lived, self.eaten, strict=True))
        return [player for player, mark in enumerate(marks) if mark == max(marks)]

    def move(self, directions: Mapping[int, str]) -> None:
        """All living snakes move by one cell at once; those that hit something die and are taken off."""
        ahead, bodies, apples = cells_ahead(self.size), self.bodies, self.apples
        living = self.living
        for player in living:
            body = bodies[player]
            head = ahead[directions[player]].get(body[0], OUTSIDE)
            if head not in apples:
                body.pop()
            body.insert(0, head)
        cells = [cell for player in living for cell in bodies[player]]
        for player in living:
            head = bodies[player][0]
            if head is OUTSIDE or cells.count(head) > 1:
                bodies[player] = []
                continue
            self.lived[player] += 1
            if head in apples:
                self.eaten[player] += 1
                apples.remove(head)

    def place_apples(self, number: int, draw: Draw) -> None:
        """Put apples on free cells until there are so many."""
        if len(self.apples) < number:
            taken = {cell for body in self.bodies for cell in body} | set(self.apples)
            free = [cell for cell in all_cells(self.size) if cell not in taken]
            while free and len(self.apples) < number:
                self.apples.append(free.pop(draw(0, len(free) - 1)))

    def grid(self) -> str:
        """Row by row: heads are A, B, ..., bodies a, b, ..., apples *, free cells a dot."""
        size, marks = self.size, bytearray(empty_grid(self.size))
        for row, column in self.apples:
            marks[2 * (size * row + column)] = APPLE
        for player, body in enumerate(self.bodies):
            mark = HEADS[player]
            for row, column in body:
                marks[2 * (size * row + column)] = mark
                mark = BODIES[player]
        return marks.decode("ascii")


def scattered(size: int, players: int, apples: int, rng: Rng) -> Snakes:
    """A new game: snakes of one cell each, and apples, on any cells."""
    free = list(all_cells(size))
    drawn = rng.integers([(0, len(free) - 1 - before) for before in range(players + apples)])
    cells = [free.pop(at) for at in drawn]
    return Snakes(size, [[cell] for cell in cells[:players]], cells[players:], [0] * players, [0] * players)
