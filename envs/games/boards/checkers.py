"""Checkers."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, OwnNames
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

MARKS = str.maketrans("8+*", "OxX")
SIDES = (
    "Your men are o (kings O) and move up the board; the opponent's are x (kings X).",
    "Your men are x (kings X) and move down the board; the opponent's are o (kings O).",
)


class CheckersRendering(OwnNames):
    """The board with row 1 at the bottom, the moves since the last capture, the piece that must go on jumping."""

    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Checkers. A man moves one cell diagonally forward onto an empty cell (a dot), and captures by jumping "
            "over an opposing piece next to it onto the empty cell right behind. You must capture if you can, and go "
            "on jumping with the same piece as long as it can. A man that reaches the far row becomes a king, which "
            "ends the turn; a king moves and jumps one step too, backward as well. Whoever has no move left loses; 40 "
            "moves in a row (both sides counted) without a capture are a draw. An action is from-to, such as a3-b4; "
            "each jump is an action of its own, such as a3xc5."
        )

    def name(self, theirs: str) -> str:
        """a3b4 is a3-b4, a3c5 is a3xc5."""
        jump = abs(ord(theirs[0]) - ord(theirs[2])) == 2
        return f"{theirs[:2]}{'x' if jump else '-'}{theirs[2:]}"

    def state_key(self, player: int, state: SpielState) -> str:
        """The board, who looks at it, and what does not show on it."""
        history = state.history()
        quiet = next((back for back, action in enumerate(reversed(history)) if action % 2), len(history))
        jumper = self._jumper(state, history[-1]) if history and not quiet else ""
        return f"{state}{SIDES[player]}\nMoves since the last capture: {quiet} of 40.{jumper}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the count, the board."""
        board, side, facts = key.rsplit("\n", 2)
        rows = [f"{row[0]} {' '.join(row[1:].translate(MARKS))}" for row in board.split("\n")]
        return "\n".join([side, facts, *rows])

    def _jumper(self, state: SpielState, capture: int) -> str:
        """Which piece must go on: it made the last capture, and its owner is still to move."""
        if state.full_history()[-1].player != state.current_player():
            return ""
        (name,) = self.actions(state.current_player(), state, [capture])
        return f" The piece on {name[3:]} must go on jumping."


@registry.envs.register(
    "sparring/Checkers-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Checkers(OpenSpielGame):
    """Checkers; an action is from-to, such as a3-b4, or a jump, such as a3xc5.

    board_size: rows and columns, 7 to 9.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Checkers-v0"}

    def __init__(self, board_size: int = 8, **options: Unpack[SpielOptions]) -> None:
        require_between("board_size", board_size, 7, 9)
        super().__init__(
            f"checkers(rows={board_size},columns={board_size})", CheckersRendering, **(LONG_TEXT | options)
        )
