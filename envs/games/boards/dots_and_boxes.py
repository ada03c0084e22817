"""Dots and Boxes."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import COLUMNS, LONG_TEXT, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

ASCII = str.maketrans("┌┬┐├┼┤└┴┘─│╴╶12", "+++++++++-|  xo")


class DotsAndBoxesRendering(FixedNames):
    """The dots under their column letters, the lines between them, the mark of its owner in every box."""

    kept_positions = 1_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        size = game.get_parameters()
        rows, columns = size["num_rows"], size["num_cols"]
        across = [f"{_dot(row, at)}-{_dot(row, at + 1)}" for row in range(rows + 1) for at in range(columns)]
        down = [f"{_dot(row, at)}-{_dot(row + 1, at)}" for row in range(rows) for at in range(columns + 1)]
        self.names = (*across, *down)
        self._letters = letters(columns + 1)
        self.rules = (
            "Dots and Boxes. Draw a line between two dots (+) that are neighbours in a row or column. Whoever draws "
            "the fourth side of a box owns it, and must draw another line. When all lines are drawn most boxes win; "
            "equal numbers are a draw. An action is the two dots, left or upper one first: a1-b1 lies in row 1, a1-a2 "
            "leads down from it."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The lines and boxes, and who looks at them, which is who moves."""
        return f"{state}{player}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The marks, the boxes, the board."""
        lines = [line[::2] for line in key[:-1].translate(ASCII).rstrip("\n").split("\n")]
        board = [f"{' ' if at % 2 else at // 2 + 1} {line}".rstrip() for at, line in enumerate(lines)]
        closed = "".join(lines)
        yours, theirs = "xo"[player], "ox"[player]
        head = f"Boxes: yours ({yours}) {closed.count(yours)}, the opponent's ({theirs}) {closed.count(theirs)}."
        return "\n".join([head, self._letters, *board])


def _dot(row: int, column: int) -> str:
    return f"{COLUMNS[column]}{row + 1}"


@registry.envs.register(
    "sparring/DotsAndBoxes-v0",
    family="games",
    seats=2,
    skills=("planning", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class DotsAndBoxes(OpenSpielGame):
    """Dots and Boxes; an action is two dots, such as a1-b1.

    rows: of boxes, 1 to 8. columns: of boxes, 1 to 8.
    """

    metadata = {**TextGame.metadata, "name": "sparring/DotsAndBoxes-v0"}

    def __init__(self, rows: int = 3, columns: int = 3, **options: Unpack[SpielOptions]) -> None:
        require_between("rows", rows, 1, 8)
        require_between("columns", columns, 1, 8)
        game = f"dots_and_boxes(num_rows={rows},num_cols={columns})"
        super().__init__(game, DotsAndBoxesRendering, **(LONG_TEXT | options))
