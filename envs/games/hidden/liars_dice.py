"""Liar's dice: bids on how many dice of all show a face, until somebody is called a liar."""

from __future__ import annotations

from functools import lru_cache
from typing import Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame


class LiarsDiceRendering(FixedNames):
    """The own dice and the bids; at the end everybody's dice."""

    kept_positions = 5_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        parameters = game.get_parameters()
        self.dice, self.sides = int(parameters["numdice"]), int(parameters["dice_sides"])
        faces = range(1, self.sides + 1)
        bids = [f"bid {count} x {face}" for count in range(1, 2 * self.dice + 1) for face in faces]
        self.names = (*bids, "liar")
        past = (*bids, "said liar")
        self._said = [tuple(f"{name} {action}" for action in past) for name in ("you", "opponent")]
        self._beginnings = [f"You bid {turn}. There are {2 * self.dice} dice in all." for turn in ("first", "second")]
        self.rules = (
            f"Liar's dice. Each of the two players rolls {self._count(self.dice)} with the faces 1 to {self.sides}; "
            "you see yours only. In turn, bid how many of all dice show a face: `bid 2 x 3` says that at least 2 dice "
            f"show a 3. A {self.sides} is wild: it counts as every face. Each bid must name more dice than the last "
            "one, or as many of a higher face. Instead of bidding say liar: if the last bid is true the bidder wins, "
            "otherwise you win."
        )

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Bids, then dice: small models find what stands close to their answer."""
        history, rolled = state.history(), 2 * self.dice
        said = [self._said[(turn + player) % 2][action] for turn, action in enumerate(history[rolled:])]
        hands = _hand(tuple(history[: self.dice])), _hand(tuple(history[self.dice : rolled]))
        shown = f"Your {hands[player]}."
        if state.is_terminal():
            shown += f" The opponent's {hands[1 - player]}."
        return f"{self._beginnings[player]}\nSo far: {', '.join(said) or 'nothing'}.\n{shown}"

    @staticmethod
    def _count(dice: int) -> str:
        return "one die" if dice == 1 else f"{dice} dice"


@lru_cache(maxsize=10_000)
def _hand(rolls: tuple[int, ...]) -> str:
    """Sorted dice, of faces from 0."""
    faces = " ".join([str(roll + 1) for roll in sorted(rolls)])
    return f"die shows {faces}" if len(rolls) == 1 else f"dice show {faces}"


@registry.envs.register(
    "sparring/LiarsDice-v0",
    family="games",
    seats=2,
    skills=("bluffing", "probability"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class LiarsDice(OpenSpielGame):
    """Liar's dice for two: bid on the dice of both, or call the other a liar.

    numdice: dice of each player, 1 to 5. dice_sides: faces of a die, 2 to 9.
    One round decides the game; in `MultiplayerLiarsDice-v0` a lost round costs a die.
    """

    metadata = {**TextGame.metadata, "name": "sparring/LiarsDice-v0"}

    def __init__(self, numdice: int = 1, dice_sides: int = 6, **options: Unpack[SpielOptions]) -> None:
        require_between("numdice", numdice, 1, 5)
        require_between("dice_sides", dice_sides, 2, 9)
        super().__init__(f"liars_dice(numdice={numdice},dice_sides={dice_sides})", LiarsDiceRendering, **options)
