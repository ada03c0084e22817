"""Pentago."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, cells, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

TURNS = ("1L", "1R", "2L", "2R", "4L", "4R", "3L", "3R")
"""In OpenSpiel's order."""
MARKS = str.maketrans("O@", "xo")


class PentagoRendering(FixedNames):
    """The board with row 1 at the top."""

    kept_positions = 500
    transposes = True
    tensor_range = (0.0, 1.0)
    names = tuple(f"{cell}-{turn}" for cell in cells(6, 6) for turn in TURNS)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Pentago. Put a mark on an empty cell (a dot), then turn one of the four quarters of 3 x 3 cells by 90 "
            "degrees: 1 is the upper left one (a1 to c3), 2 the upper right, 3 the lower left, 4 the lower right; L "
            "turns it to the left (counter-clockwise), R to the right. Five of your marks in a row, column or "
            "diagonal after the turn win; if both sides have five, or the board is full, it is a draw. An action is "
            "the cell, the quarter and the direction: c2-4R."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The marks, the board."""
        rows = [line[2:15].translate(MARKS) for line in key.split("\n")[2:8]]
        return "\n".join([f"Your marks are {'xo'[player]}, the opponent's are {'ox'[player]}.", letters(6), *rows])


@registry.envs.register(
    "sparring/Pentago-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Pentago(OpenSpielGame):
    """Pentago; an action is a cell, a quarter and where it turns, such as c2-4R."""

    metadata = {**TextGame.metadata, "name": "sparring/Pentago-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("pentago", PentagoRendering, **(LONG_TEXT | options))
