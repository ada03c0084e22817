"""Hex."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, cells, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame


class HexRendering(FixedNames):
    """The board as a rhombus: each row stands half a cell further to the right."""

    kept_positions = 2_000
    transposes = True
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        size = game.get_parameters()["board_size"]
        self.names = cells(size, size)
        self._letters = " " + letters(size)
        self._goals = (f"row 1 with row {size}", f"column a with column {self.names[-1][0]}")
        self.rules = (
            f"Hex on {size} x {size} cells. Put a stone on an empty cell (a dot). A cell touches up to six others: "
            "left and right in its row, the same column and the next letter in the row above, the same column and the "
            "letter before in the row below: c3 touches b3, d3, c2, d2, c4 and b4. Whoever connects their two edges "
            "by a chain of stones wins; there is no draw. An action is a cell: column letter and row number."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The stones and edges, the board."""
        rows = [f"{number:>2} {row.rstrip()}" for number, row in enumerate(key.rstrip().split("\n"), 1)]
        head = (
            f"Your stones are {'xo'[player]} and connect {self._goals[player]}; "
            f"the opponent's are {'ox'[player]} and connect {self._goals[1 - player]}."
        )
        return "\n".join([head, self._letters, *rows])


@registry.envs.register(
    "sparring/Hex-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Hex(OpenSpielGame):
    """Hex; an action is a cell, such as c2.

    board_size: rows and columns, 2 to 19.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Hex-v0"}

    def __init__(self, board_size: int = 5, **options: Unpack[SpielOptions]) -> None:
        require_between("board_size", board_size, 2, 19)
        super().__init__(f"hex(board_size={board_size})", HexRendering, **(LONG_TEXT | options))
