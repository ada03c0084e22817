"""Clobber."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, OwnPieces
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.spiel import SpielGame
from sparring.envs.games.two_player import TextGame

SIDES = ("Your pieces are o, the opponent's are x.", "Your pieces are x, the opponent's are o.")


class ClobberRendering(OwnPieces):
    """A piece moves onto a neighbour."""

    sides = SIDES

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Clobber. Move one of your pieces onto a piece of the opponent next to it, up, down, left or right; that "
            "piece is removed and yours takes its place. A dot is an empty cell, onto which nothing moves. Whoever "
            "cannot move on their turn loses. An action is from-to, such as a2-b2."
        )

    def name(self, theirs: str) -> str:
        """a2b2 is a2-b2."""
        return f"{theirs[:2]}-{theirs[2:]}"


@registry.envs.register(
    "sparring/Clobber-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Clobber(OpenSpielGame):
    """Clobber; an action is from-to, such as a2-b2.

    rows: 2 to 9. columns: 2 to 9.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Clobber-v0"}

    def __init__(self, rows: int = 5, columns: int = 6, **options: Unpack[SpielOptions]) -> None:
        require_between("rows", rows, 2, 9)
        require_between("columns", columns, 2, 9)
        super().__init__(f"clobber(rows={rows},columns={columns})", ClobberRendering, **(LONG_TEXT | options))
