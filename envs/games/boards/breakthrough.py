"""Breakthrough."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, OwnPieces
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.spiel import SpielGame
from sparring.envs.games.two_player import TextGame

SIDES = (
    "You are Black: your pieces are b and move down the board, to lower row numbers; the opponent's are w.",
    "You are White: your pieces are w and move up the board, to higher row numbers; the opponent's are b.",
)


class BreakthroughRendering(OwnPieces):
    """White's row 1 is at the bottom."""

    sides = SIDES

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Breakthrough. A piece moves one cell forward, straight or diagonally, onto an empty cell (a dot); it "
            "captures an opposing piece diagonally forward only. Whoever first brings a piece to the row farthest "
            "from their own side, or captures all pieces, wins. An action is from-to, such as a2-b3, and a2xb3 where "
            "it captures."
        )

    def name(self, theirs: str) -> str:
        """a2b3 is a2-b3, a2b3* is a2xb3."""
        return f"{theirs[:2]}{'x' if theirs[4:] else '-'}{theirs[2:4]}"


@registry.envs.register(
    "sparring/Breakthrough-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Breakthrough(OpenSpielGame):
    """Breakthrough; an action is from-to, such as a2-b3.

    rows: 4 to 9. columns: 2 to 9.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Breakthrough-v0"}

    def __init__(self, rows: int = 6, columns: int = 6, **options: Unpack[SpielOptions]) -> None:
        require_between("rows", rows, 4, 9)
        require_between("columns", columns, 2, 9)
        super().__init__(f"breakthrough(rows={rows},columns={columns})", BreakthroughRendering, **(LONG_TEXT | options))
