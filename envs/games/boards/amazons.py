"""The Game of the Amazons."""

from __future__ import annotations

from typing import Literal, Unpack

from sparring import registry
from sparring.envs.games.boards.board import COLUMNS, LONG_TEXT, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

MARKS = "XO"
SIZES = (6, 8, 10)
CHOOSE, MOVE = 0, 1
"""The first two of the three actions of a turn; the last is the shot."""


class AmazonsRendering(Rendering):
    """The board with row 1 at the bottom, and which of the three actions of a turn is next."""

    kept_positions = 500
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self._size: int = game.get_parameters()["board_size"]
        rows = range(self._size, 0, -1)
        self._cells = [f"{column}{row}" for row in rows for column in COLUMNS[: self._size]]
        self.rules = (
            "The Game of the Amazons. A turn has three actions: choose one of your amazons, move it like a chess "
            "queen (any distance in a row, column or diagonal), then shoot an arrow like a queen's move from where it "
            "stands now. The cell that is hit (#) is blocked for ever. Neither amazons nor arrows pass over amazons "
            "or blocked cells, and a dot is a free cell. Whoever cannot move an amazon on their turn loses; there is "
            "no draw. An action is the cell of an amazon, such as a3; then from-to, such as a3-c5; then the shot from "
            "there, such as c5/f5."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """Cells of amazons, moves, or shots."""
        history, cells = state.history(), self._cells
        phase = len(history) % 3
        if phase == CHOOSE:
            return [cells[action] for action in legal]
        between = "-" if phase == MOVE else "/"
        return [f"{cells[history[-1]]}{between}{cells[action]}" for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """The board, who looks at it, which is who moves, and what is to be done."""
        history, board = state.history(), str(state)
        if len(history) % 3 == MOVE:  # OpenSpiel has taken the amazon off the board
            at = history[-1] + history[-1] // self._size
            board = f"{board[:at]}{MARKS[state.current_player()]}{board[at + 1 :]}"
        return f"{board}\n{player}{self._next(state, history)}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The marks, the board, what is to be done."""
        *rows, told = key.split("\n")
        lines = [f"{self._size - at:>2} {' '.join(row)}" for at, row in enumerate(rows)]
        head = f"Your amazons are {MARKS[player]}, the opponent's are {MARKS[1 - player]}."
        return "\n".join([head, *lines, f" {letters(self._size)}", *filter(None, [told[1:]])])

    def _next(self, state: SpielState, history: list[int]) -> str:
        phase = len(history) % 3
        if state.is_terminal():
            return ""
        if phase == CHOOSE:
            return "Next: the choice of an amazon."
        cell = self._cells[history[-1]]
        return f"Next: a move of the amazon on {cell}." if phase == MOVE else f"Next: a shot of the amazon on {cell}."


@registry.envs.register(
    "sparring/Amazons-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Amazons(OpenSpielGame):
    """The Game of the Amazons; a turn is a choice (a3), a move (a3-c5) and a shot (c5/f5).

    board_size: rows and columns, 6, 8 or 10.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Amazons-v0"}

    def __init__(self, board_size: Literal[6, 8, 10] = 6, **options: Unpack[SpielOptions]) -> None:
        if board_size not in SIZES:
            raise ValueError(f"board_size must be 6, 8 or 10, got {board_size!r}")
        super().__init__(f"amazons(board_size={board_size})", AmazonsRendering, **(LONG_TEXT | options))
