"""Connect Four on the usual 6 x 7 board."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

HEADS = ("You are x.\n 0 1 2 3 4 5 6\n", "You are o.\n 0 1 2 3 4 5 6\n")


class ConnectFourRendering(FixedNames):
    """The board with the column numbers above it."""

    kept_positions = 10_000
    tensor_range = (0.0, 1.0)
    names = tuple("0123456")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Connect Four. A disc falls to the lowest empty cell of its column; a dot is an empty cell. "
            "Four in a row, column or diagonal win. An action is the number of a column that is not full."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The disc, the columns, the board."""
        return HEADS[player] + key[:-1].replace(".", " .").replace("x", " x").replace("o", " o")


@registry.envs.register(
    "sparring/ConnectFour-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class ConnectFour(OpenSpielGame):
    """Connect Four; an action is the number of a column, 0 to 6."""

    metadata = {**TextGame.metadata, "name": "sparring/ConnectFour-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("connect_four", ConnectFourRendering, **options)
