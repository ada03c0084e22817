"""Mancala and Oware: games in which seeds are sown from pit to pit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames, Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

MOST_ACTIONS = 1_000
"""Of a game of Oware: OpenSpiel goes no further."""


def two_rows(names: Sequence[Sequence[str]], seeds: Sequence[Sequence[str]], beside: Sequence[str]) -> str:
    """Both players' pits, player_1's above: names outside, seeds inside, a word at the right of each row."""
    lines = []
    for player in (1, 0):
        labels = " " * 8 + "".join(f"{name:>4}" for name in names[player])
        row = f"player_{player}" + "".join(f"{count:>4}" for count in seeds[player]) + f"   {beside[player]}"
        lines += [labels, row] if player else [row, labels]
    return "\n".join(lines)


class MancalaRendering(FixedNames):
    """The pits with their numbers outside, the stores at the right."""

    kept_positions = 2_000
    names = tuple(map(str, range(14)))
    pits = (names[1:7], names[13:7:-1])

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Mancala (Kalah). player_0 owns pits 1 to 6, player_1 owns pits 8 to 13; each has a store. Take all "
            "stones of one of your pits and put one into each next pit: 1 to 6, player_0's store, 8 to 13, player_1's "
            "store, then 1 again, but never into the opponent's store. If the last stone falls into your store, move "
            "again. If it falls into an empty pit of yours and the pit opposite (the one above or below) holds "
            "stones, it and all of those go into your store. The game ends when a player's pits are all empty; the "
            "other's stones are theirs, and most stones win. An action is the number of a pit of yours."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The stones, and who is to move."""
        return str(state).rpartition("\n")[0]

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the pits."""
        upper, stores, lower = key.split("\n")[:3]
        left, _, right = stores.partition("-")
        seeds = (lower.strip("-").split("-"), upper.strip("-").split("-"))
        beside = (f"store {right.strip('-')}", f"store {left}")
        return f"You are player_{player}.\n{two_rows(self.pits, seeds, beside)}"


class OwareRendering(Rendering):
    """The houses with their letters outside, the captured seeds at the right, the moves so far."""

    kept_positions = 1_000

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        size = game.get_parameters()
        letters = "ABCDEFGHIJKLMNOP"[: size["num_houses_per_player"]]
        self._houses = (letters, letters.lower())
        first, last = letters[0], letters[-1]
        self.rules = (
            f"Oware. player_0 owns houses {first} to {last}, player_1 owns houses {first.lower()} to {last.lower()}. "
            f"Take all seeds of one of your houses and put one into each next house: {first} to {last}, then "
            f"{first.lower()} to {last.lower()}, then {first} again, leaving out the house that they came from. If the "
            "last seed makes 2 or 3 in a house of the opponent, you capture these, and those of the houses just "
            "before it on that side as long as they too hold 2 or 3; but a move that would capture all seeds of the "
            "opponent captures none. If the opponent has no seeds you must move so that they get some. Whoever has "
            "more than half of all seeds wins, half each is a draw. When a position comes back, or a player has no "
            "move, each player captures what is left on their own side, and more seeds win. An action is the letter of "
            "a house of yours."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """The letters."""
        return [self._houses[player][action] for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """The seeds, and all moves, of which it depends whether a position comes back."""
        return f"{state}{self._moves(state)}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the houses, the moves."""
        lines = key.removeprefix("[FINISHED]\n").split("\n")
        seeds = (lines[3].split(), lines[2].split())
        scores = [line.partition("= ")[2].partition(" ")[0] for line in (lines[5], lines[0])]
        board = two_rows((self._houses[0], self._houses[1][::-1]), seeds, [f"captured {score}" for score in scores])
        return f"You are player_{player}.\n{board}\nMoves so far: {lines[-1] or 'none'}"

    def _moves(self, state: SpielState) -> str:
        return " ".join([self._houses[at % 2][action] for at, action in enumerate(state.history())])


@registry.envs.register(
    "sparring/Mancala-v0",
    family="games",
    seats=2,
    skills=("planning", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Mancala(OpenSpielGame):
    """Mancala by the rules of Kalah; an action is the number of a pit."""

    metadata = {**TextGame.metadata, "name": "sparring/Mancala-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("mancala", MancalaRendering, **options)


@registry.envs.register(
    "sparring/Oware-v0",
    family="games",
    seats=2,
    skills=("planning", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Oware(OpenSpielGame):
    """Oware; an action is the letter of a house.

    houses: of each player, 2 to 9. seeds: in each house at the start, 1 to 9. A game is truncated after 1,000 actions.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Oware-v0"}

    def __init__(self, houses: int = 6, seeds: int = 4, **options: Unpack[SpielOptions]) -> None:
        require_between("houses", houses, 2, 9)
        require_between("seeds", seeds, 1, 9)
        options["max_turns"] = min(options.get("max_turns") or MOST_ACTIONS, MOST_ACTIONS)
        game = f"oware(num_houses_per_player={houses},num_seeds_per_house={seeds})"
        super().__init__(game, OwareRendering, **(LONG_TEXT | options))
