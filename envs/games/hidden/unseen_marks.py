"""Board games in which a player does not see the other's marks: dark hex and phantom tic-tac-toe.

Whoever tries a cell that is taken sees the mark there and tries again, as in the "classical" versions of OpenSpiel.
"""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

MARKS = "XO"
TAKEN = "A try on a cell that is taken shows you the mark there, and you try again."


class UnseenMarksRendering(FixedNames):
    """What the seat has found out of the board, its own tries in order; at the end the whole board."""

    kept_positions = 2_000
    tensor_range = (0.0, 1.0)
    sides = ("", "")
    """What X and O want."""

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Tries, then the board."""
        marks, others = (self._marks(state.observation_string(one)) for one in (player, 1 - player))
        tries = [move.action for move in state.full_history() if move.player == player]
        said = [self.names[cell] + (" (taken)" if marks[cell] == MARKS[1 - player] else "") for cell in tries]
        lines = [f"You are {MARKS[player]}{self.sides[player]}.", f"Your tries so far: {', '.join(said) or 'none'}."]
        lines += self.heard(player, state)
        if state.is_terminal():
            both = "".join([mine if mine != "." else other for mine, other in zip(marks, others, strict=True)])
            return "\n".join([*lines, "The whole board:", self.board(both)])
        return "\n".join([*lines, "What you know of the board:", self.board(marks)])

    def heard(self, player: int, state: SpielState) -> list[str]:
        """What is known of the other's tries."""
        return []

    def board(self, marks: str) -> str:
        """`marks`: of all cells, row by row; "." is free or unknown."""
        raise NotImplementedError

    @staticmethod
    def _marks(rows: str) -> str:
        return rows.replace("\n", "").upper()


class PhantomTicTacToeRendering(UnseenMarksRendering):
    """The board as in tic-tac-toe."""

    names = tuple("012345678")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Phantom tic-tac-toe: you do not see the other's marks. The cells are numbered 0 to 8, row by row; a "
            f"number on the board is a cell of which you know nothing. {TAKEN} You are not told what the other tries. "
            "Three in a row, column or diagonal win; a full board is a draw."
        )

    def board(self, marks: str) -> str:
        """Three rows."""
        cells = [str(at) if mark == "." else mark for at, mark in enumerate(marks)]
        return "\n".join(" ".join(cells[start : start + 3]) for start in (0, 3, 6))


class DarkHexRendering(UnseenMarksRendering):
    """The board of hex, each row half a cell to the right of the one above."""

    sides = (" and connect the top with the bottom", " and connect the left side with the right side")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.size = size = int(game.get_parameters()["board_size"])
        self._columns = "abcdefghi"[:size]
        self.names = tuple(f"{column}{row}" for row in range(1, size + 1) for column in self._columns)
        self.rules = (
            f"Dark hex on a board of {size} x {size}: hex in which you do not see the other's stones. A cell is a "
            "column and a row, such as a1. It touches the cells to its left and right, the one above and the one to "
            f"the upper right, the one below and the one to the lower left. {TAKEN} You are told how often the other "
            "has tried, and not where. X wins with a connected chain from the top row to the bottom row, O with one "
            "from the left column to the right column."
        )

    def heard(self, player: int, state: SpielState) -> list[str]:
        """The number of the other's tries, which is part of OpenSpiel's information state."""
        others = sum(move.player == 1 - player for move in state.full_history())
        return [f"Tries of the opponent so far: {others}."]

    def board(self, marks: str) -> str:
        """Letters of the columns, then the rows, slanted."""
        rows = [marks[start : start + self.size] for start in range(0, len(marks), self.size)]
        lines = [" " * number + f"{number + 1} {' '.join(row)}" for number, row in enumerate(rows)]
        return "\n".join([f"  {' '.join(self._columns)}", *lines])


@registry.envs.register(
    "sparring/PhantomTicTacToe-v0",
    family="games",
    seats=2,
    skills=("memory", "planning"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class PhantomTicTacToe(OpenSpielGame):
    """Tic-tac-toe without seeing the other's marks; an action is the number of a cell, 0 to 8."""

    metadata = {**TextGame.metadata, "name": "sparring/PhantomTicTacToe-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("phantom_ttt", PhantomTicTacToeRendering, **options)


@registry.envs.register(
    "sparring/DarkHex-v0",
    family="games",
    seats=2,
    skills=("memory", "planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class DarkHex(OpenSpielGame):
    """Hex without seeing the other's stones; an action is a cell such as a1.

    board_size: 2 to 9; exact solvers manage 2.
    """

    metadata = {**TextGame.metadata, "name": "sparring/DarkHex-v0"}

    def __init__(self, board_size: int = 3, **options: Unpack[SpielOptions]) -> None:
        require_between("board_size", board_size, 2, 9)
        room: SpielOptions = {"max_text_length": 5_000}
        super().__init__(f"dark_hex(board_size={board_size})", DarkHexRendering, **(room | options))
