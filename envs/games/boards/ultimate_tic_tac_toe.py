"""Ultimate tic-tac-toe."""

from __future__ import annotations

from functools import lru_cache
from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import COLUMNS
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.positions import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
BETWEEN = "  ------+-------+------"
ANY = "any"


class UltimateTicTacToeRendering(Rendering):
    """The nine boards as one of 9 x 9 cells, who has won which, and where the next mark goes."""

    kept_positions = 2_000
    transposes = True
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self._cells = [[_cell(board, cell) for cell in range(9)] for board in range(9)]
        self.rules = (
            "Ultimate tic-tac-toe: nine boards of tic-tac-toe, numbered 1 to 9 row by row, 1 being the upper left "
            "one. Three in a row, column or diagonal win a board; three boards so won win the game; when all boards "
            "are decided without that it is a draw. The place of your mark within its board names the board on which "
            "the opponent must play next: the upper left cell sends to board 1, the middle one to board 5. Whoever is "
            "sent to a board that is won or full chooses another first. An action is a cell, column letter and row "
            "number of the whole, such as e5; or the choice of a board, such as board 5."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """Cells, or boards to choose among."""
        board = str(state).rpartition(": ")[2]
        if board == ANY:
            return [f"board {action + 1}" for action in legal]
        cells = self._cells[int(board)]
        return [cells[action] for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """The boards, who is to move, and where."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The marks, the boards, where to play."""
        lines = key.split("\n")
        marks = [*lines[0:3], *lines[4:7], *lines[8:11]]
        rows = [f"{number} {_spread(row)}" for number, row in enumerate(marks, 1)]
        bands = ((marks[top : top + 3], left) for top in (0, 3, 6) for left in (0, 4, 8))
        winners = [_winner(*[row[left : left + 3] for row in band]) for band, left in bands]
        won = ", ".join([f"board {at + 1} by {mark}" for at, mark in enumerate(winners) if mark])
        return "\n".join(
            [
                f"Your marks are {'xo'[player]}, the opponent's are {'ox'[player]}. Won: {won or 'none'}.",
                "  a b c | d e f | g h i",
                *rows[:3],
                BETWEEN,
                *rows[3:6],
                BETWEEN,
                *rows[6:],
                *([] if state.is_terminal() else [self._next(lines[-1].rpartition(": ")[2])]),
            ]
        )

    def _next(self, board: str) -> str:
        if board == ANY:
            return "Next: the choice of a board."
        cells = self._cells[int(board)]
        return f"Next: a mark on board {int(board) + 1}, cells {cells[0]} to {cells[8]}."


def _cell(board: int, cell: int) -> str:
    return f"{COLUMNS[3 * (board % 3) + cell % 3]}{3 * (board // 3) + cell // 3 + 1}"


@lru_cache(maxsize=20_000)
def _spread(row: str) -> str:
    """x.. ... ..o as x . . | . . . | . . o"""
    return " | ".join(map(" ".join, row.split(" ")))


@lru_cache(maxsize=20_000)
def _winner(*rows: str) -> str:
    """Of a board; "" for nobody."""
    board = "".join(rows)
    for first, second, third in LINES:
        if board[first] != "." and board[first] == board[second] == board[third]:
            return board[first]
    return ""


@registry.envs.register(
    "sparring/UltimateTicTacToe-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class UltimateTicTacToe(OpenSpielGame):
    """Ultimate tic-tac-toe; an action is a cell, such as e5, or the choice of a board."""

    metadata = {**TextGame.metadata, "name": "sparring/UltimateTicTacToe-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("ultimate_tic_tac_toe", UltimateTicTacToeRendering, **options)
