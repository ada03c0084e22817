"""Goofspiel: secret bids for prizes, each card once (Ross 1971); who bid what stays hidden."""

from __future__ import annotations

from typing import Literal, Unpack

from sparring import registry
from sparring.envs.games.hidden.seats import MOST_PLAYERS, own_first
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.positions import FixedNames
from sparring.envs.games.ranges import require_between
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

PointsOrder = Literal["random", "descending", "ascending"]
ORDERS: dict[PointsOrder, str] = {
    "random": "in random order",
    "descending": "the highest first",
    "ascending": "the lowest first",
}
NOBODY = "-3"


class GoofspielRendering(FixedNames):
    """The prizes, who won which, the own bids and the own cards."""

    kept_positions = 2_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        parameters = game.get_parameters()["game"]
        self.cards = int(parameters["num_cards"])
        self.names = tuple(f"bid {card}" for card in range(1, self.cards + 1))
        self.rules = (
            f"Goofspiel for {self.players} players. Everybody has the bidding cards 1 to {self.cards}. The prizes are "
            f"worth 1 to {self.cards} points and come one by one, {ORDERS[parameters['points_order']]}. For each prize "
            "everybody bids one card at the same time, and the card is gone. The highest bid wins the prize; if two "
            "are highest nobody gets it. You are told who won and not what was bid. The last cards are bid by "
            "themselves. Whoever has most points wins; an equal number is a draw."
        )

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Rounds that are over, points, the prize and the own cards."""
        seen = {name: value.split() for name, _, value in [line.partition(": ") for line in key.split("\n")]}
        bids, prizes = seen[f"P{player} action sequence"], seen["Point card sequence"]
        names = own_first(player, self.players)
        called = {NOBODY: "nobody"} | {str(one): name for one, name in names}
        lines = [f"You are player_{player}."] if self.players > 2 else []
        for prize, bid, winner in zip(prizes, bids, seen["Win sequence"], strict=False):
            lines.append(f"Prize {prize}: you bid {int(bid) + 1}, {called[winner]} won it.")
        points = [f"{name} {seen['Points'][one]}" for one, name in names]
        lines.append(f"Points: {', '.join(points)}.")
        if not state.is_terminal():
            lines.append(f"The prize is {prizes[-1]}. Your cards are {' '.join(seen[f'P{player} hand'])}.")
        for chosen in seen.get("Observer's action this turn", ()):
            lines.append(f"You have bid {int(chosen) + 1}.")
        return "\n".join(lines)


@registry.envs.register(
    "sparring/Goofspiel-v0",
    family="games",
    seats=2,
    seats_option="players",
    skills=("planning", "opponent modelling"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Goofspiel(OpenSpielGame):
    """Goofspiel: bid your cards for prizes, at the same time as everybody else.

    num_cards: 2 to 13. points_order: of the prizes, "random", "descending" or "ascending". players: 2 to 10.
    The bids of the others stay hidden, also when the prize is gone; the solvers manage up to 4 cards.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Goofspiel-v0"}

    def __init__(
        self,
        num_cards: int = 4,
        points_order: PointsOrder = "random",
        players: int = 2,
        **options: Unpack[SpielOptions],
    ) -> None:
        require_between("num_cards", num_cards, 2, 13)
        require_between("players", players, 2, MOST_PLAYERS)
        game = f"goofspiel(num_cards={num_cards},points_order={points_order},players={players},imp_info=True)"
        super().__init__(game, GoofspielRendering, **options)
