"""Tic-tac-toe."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame


class TicTacToeRendering(FixedNames):
    """The board, with the number of every empty cell."""

    kept_positions = 20_000
    transposes = True
    tensor_range = (0.0, 1.0)
    names = tuple("012345678")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Tic-tac-toe. The cells are numbered 0 to 8, row by row; a number on the board is an empty cell. "
            "Three in a row, column or diagonal win. An action is the number of an empty cell."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The mark, the board."""
        marks = key.replace("\n", "")
        cells = [str(at) if mark == "." else mark.upper() for at, mark in enumerate(marks)]
        rows = "\n".join(" ".join(cells[start : start + 3]) for start in (0, 3, 6))
        return f"You are {'XO'[player]}.\n{rows}"


@registry.envs.register(
    "sparring/TicTacToe-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class TicTacToe(OpenSpielGame):
    """Tic-tac-toe; an action is the number of a cell, 0 to 8."""

    metadata = {**TextGame.metadata, "name": "sparring/TicTacToe-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("tic_tac_toe", TicTacToeRendering, **options)
