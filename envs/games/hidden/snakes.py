"""The rules of snake for several: cells, bodies, apples, and who dies when all move at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

Cell = tuple[int, int]
"""(row, column), from 0 at the top left."""
STEPS: dict[str, Cell] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


@cache
def all_cells(size: int) -> tuple[Cell, ...]:
    """Of a grid, row by row."""
    return tuple((row, column) for row in range(size) for column in range(size))


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
        heads = {player: self._ahead(player, directions[player]) for player in self.living}
        for player, head in heads.items():
            body = self.bodies[player]
            body.insert(0, head)
            if head not in self.apples:
                body.pop()
        parts = {cell for player in heads for cell in self.bodies[player][1:]}
        cells = list(heads.values())
        for player, head in heads.items():
            if not self._is_inside(head) or head in parts or cells.count(head) > 1:
                self.bodies[player] = []
                continue
            self.lived[player] += 1
            if head in self.apples:
                self.eaten[player] += 1
                self.apples.remove(head)

    def free_cells(self) -> list[Cell]:
        """Cells with nothing on them, row by row."""
        taken = {cell for body in self.bodies for cell in body} | set(self.apples)
        return [cell for cell in all_cells(self.size) if cell not in taken]

    def place_apples(self, number: int, draw: Callable[[int, int], int]) -> None:
        """Put apples on free cells until there are so many. `draw(low, high)` gives a number, both ends included."""
        while len(self.apples) < number and (free := self.free_cells()):
            self.apples.append(free[draw(0, len(free) - 1)])

    def rows(self) -> list[str]:
        """The grid: heads are A, B, ..., bodies a, b, ..., apples *, free cells a dot."""
        grid = [["."] * self.size for _ in range(self.size)]
        for row, column in self.apples:
            grid[row][column] = "*"
        for player, body in enumerate(self.bodies):
            for at, (row, column) in enumerate(body):
                grid[row][column] = ("abcdef" if at else "ABCDEF")[player]
        return list(map(" ".join, grid))

    def _ahead(self, player: int, direction: str) -> Cell:
        (row, column), (down, right) = self.bodies[player][0], STEPS[direction]
        return row + down, column + right

    def _is_inside(self, cell: Cell) -> bool:
        return 0 <= cell[0] < self.size and 0 <= cell[1] < self.size
