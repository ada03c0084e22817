"""Games of one round in which both choose at the same time: rock, paper, scissors, and Colonel Blotto (Borel 1921)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sparring import registry
from sparring.envs.games.hidden.seats import choice_of_this_round
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

FEWEST_FIELDS, MOST_FIELDS = 2, 4
MOST_COINS = 10


class OneRoundRendering(Rendering):
    """Nothing to see but the own choice, and both at the end."""

    kept_positions = 2_000
    tensor_range = (-1.0, 1.0)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """What has been chosen."""
        if state.is_terminal():
            mine, theirs = self._chosen(player, state), self._chosen(1 - player, state)
            return f"You have chosen {mine}, the opponent {theirs}."
        chosen = choice_of_this_round(key)
        return "You have not chosen yet." if chosen is None else f"You have chosen {self._chosen(player, state)}."

    def _chosen(self, player: int, state: SpielState) -> str:
        return self.actions(player, state, [state.history()[player]])[0]


class RockPaperScissorsRendering(OneRoundRendering):
    """Rock, paper, scissors."""

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Rock, paper, scissors. Both choose at the same time. Rock beats scissors, scissors beat paper, paper "
            "beats rock; equal choices are a draw."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """rock, paper, scissors."""
        return [("rock", "paper", "scissors")[action] for action in legal]


class BlottoRendering(OneRoundRendering):
    """Coins on fields."""

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        parameters = game.get_parameters()["game"]
        coins, fields = int(parameters["coins"]), int(parameters["fields"])
        self._spreads = [say_spread(spread) for spread in spreads(coins, fields)]
        self.rules = (
            f"Colonel Blotto. Both spread {coins} coins over {fields} fields at the same time; "
            f"{self._spreads[0]} puts them all on the last field. Whoever has more coins on a field wins it, "
            "and whoever wins more fields wins the game; an equal number is a draw."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """0-1-4, ...: how many coins go on each field."""
        return [self._spreads[action] for action in legal]


def spreads(coins: int, fields: int) -> list[tuple[int, ...]]:
    """Every way to spread the coins, in OpenSpiel's order."""
    if fields == 1:
        return [(coins,)]
    return [(first, *rest) for first in range(coins + 1) for rest in spreads(coins - first, fields - 1)]


def say_spread(spread: Sequence[int]) -> str:
    """What it is called as an action."""
    return "-".join(map(str, spread))


@registry.envs.register(
    "sparring/RockPaperScissors-v0",
    family="games",
    seats=2,
    skills=("opponent modelling",),
    version="1",
    reward_range=(-1.0, 1.0),
)
class RockPaperScissors(OpenSpielGame):
    """Rock, paper, scissors: one round, both choose at the same time."""

    metadata = {**TextGame.metadata, "name": "sparring/RockPaperScissors-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("matrix_rps", RockPaperScissorsRendering, **options)


@registry.envs.register(
    "sparring/Blotto-v0",
    family="games",
    seats=2,
    skills=("opponent modelling", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Blotto(OpenSpielGame):
    """Colonel Blotto: spread your coins over the fields, at the same time as the other.

    coins: 1 to 10. fields: 2 to 4.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Blotto-v0"}

    def __init__(self, coins: int = 5, fields: int = 3, **options: Unpack[SpielOptions]) -> None:
        require_between("coins", coins, 1, MOST_COINS)
        require_between("fields", fields, FEWEST_FIELDS, MOST_FIELDS)
        room: SpielOptions = {"max_text_length": 5_000}
        super().__init__(f"blotto(coins={coins},fields={fields})", BlottoRendering, **(room | options))
