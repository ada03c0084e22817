"""m,n,k-games: k marks in a line on a board of m columns and n rows."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, cells, numbered_rows
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame


class MnkRendering(FixedNames):
    """The board under its column letters."""

    kept_positions = 5_000
    transposes = True
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        size = game.get_parameters()
        self.names = cells(size["m"], size["n"])
        self.rules = (
            f"{size['k']} in a row. Put your mark on an empty cell; a dot is an empty cell. {size['k']} or more of "
            "your marks next to each other in a row, column or diagonal win; a full board is a draw. An action is a "
            "cell: its column's letter and its row's number, such as a2."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The marks, the board."""
        return f"Your marks are {'xo'[player]}, the opponent's are {'ox'[player]}.\n{numbered_rows(key.split())}"


@registry.envs.register(
    "sparring/MNK-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class MNK(OpenSpielGame):
    """An m,n,k-game, tic-tac-toe of any size; an action is a cell, such as a2.

    m: columns, 2 to 19. n: rows, 2 to 19. k: how many marks in a line win, 2 up to the larger of m and n.
    """

    metadata = {**TextGame.metadata, "name": "sparring/MNK-v0"}

    def __init__(self, m: int = 5, n: int = 5, k: int = 4, **options: Unpack[SpielOptions]) -> None:
        require_between("m", m, 2, 19)
        require_between("n", n, 2, 19)
        require_between("k", k, 2, max(m, n))
        super().__init__(f"mnk(m={m},n={n},k={k})", MnkRendering, **(LONG_TEXT | options))
