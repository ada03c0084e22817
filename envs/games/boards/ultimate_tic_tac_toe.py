"""Ultimate tic-tac-toe."""

from __future__ import annotations

from functools import lru_cache
from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import COLUMNS
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
LETTERS = "  a b c | d e f | g h i"
BETWEEN = "  ------+-------+------"
NOBODY = "." * 9
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
        upper, middle, lower = _band(0, *lines[0:3]), _band(3, *lines[4:7]), _band(6, *lines[8:11])
        winners = upper[1] + middle[1] + lower[1]
        won = "none"
        if winners != NOBODY:
            won = ", ".join([f"board {at} by {mark}" for at, mark in enumerate(winners, 1) if mark != "."])
        board = (
            f"Your marks are {'xo'[player]}, the opponent's are {'ox'[player]}. Won: {won}.\n"
            f"{LETTERS}\n{upper[0]}\n{BETWEEN}\n{middle[0]}\n{BETWEEN}\n{lower[0]}"
        )
        return board if state.is_terminal() else f"{board}\n{self._next(lines[-1].rpartition(': ')[2])}"

    def _next(self, board: str) -> str:
        if board == ANY:
            return "Next: the choice of a board."
        cells = self._cells[int(board)]
        return f"Next: a mark on board {int(board) + 1}, cells {cells[0]} to {cells[8]}."


def _cell(board: int, cell: int) -> str:
    return f"{COLUMNS[3 * (board % 3) + cell % 3]}{3 * (board // 3) + cell // 3 + 1}"


@lru_cache(maxsize=4_096)
def _band(first: int, one: str, two: str, three: str) -> tuple[str, str]:
    """Three lines such as "x.. ... ..o": as rows with their numbers, and the winners of the three boards."""
    rows = f"{first + 1} {_spread(one)}\n{first + 2} {_spread(two)}\n{first + 3} {_spread(three)}"
    left, middle, right = one[:3] + two[:3] + three[:3], one[4:7] + two[4:7] + three[4:7], one[8:] + two[8:] + three[8:]
    return rows, _winner(left) + _winner(middle) + _winner(right)


@lru_cache(maxsize=20_000)
def _spread(line: str) -> str:
    return " | ".join(map(" ".join, line.split(" ")))


@lru_cache(maxsize=20_000)
def _winner(board: str) -> str:
    """Of nine cells; "." for nobody."""
    for first, second, third in LINES:
        if board[first] != "." and board[first] == board[second] == board[third]:
            return board[first]
    return "."


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
