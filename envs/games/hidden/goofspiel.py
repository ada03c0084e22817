"""Goofspiel: secret bids for prizes, each card once (Ross 1971); who bid what stays hidden."""

from __future__ import annotations

from typing import Literal, Unpack

from sparring import registry
from sparring.envs.games.hidden.seats import MOST_PLAYERS, choice_of_this_round, own_first
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

PointsOrder = Literal["random", "descending", "ascending"]
ORDERS: dict[PointsOrder, str] = {
    "random": "in random order",
    "descending": "the highest first",
    "ascending": "the lowest first",
}
NOBODY = "-3"
HAND, BIDS, PRIZES, WINNERS, POINTS = (
    "P0 hand: ",
    "P0 action sequence: ",
    "Point card sequence: ",
    "Win sequence: ",
    "Points: ",
)
"""How OpenSpiel's lines begin."""


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
        seats = range(self.players)
        self._seat_lines = [[f"You are player_{player}."] if self.players > 2 else [] for player in seats]
        points = [", ".join(f"{name} {{{one}}}" for one, name in own_first(player, self.players)) for player in seats]
        self._points = [f"Points: {told}." for told in points]
        self._round_lines = [RoundLines(player, self.players) for player in seats]

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Rounds that are over, points, the prize and the own cards."""
        *_, hand, bids, prizes, winners, points, _, _ = key.split("\n")
        shown, earned = prizes[len(PRIZES) :].split(), points[len(POINTS) :].split()
        rounds = zip(shown, bids[len(BIDS) :].split(), winners[len(WINNERS) :].split(), strict=False)
        lines = [*self._seat_lines[player], *map(self._round_lines[player].__getitem__, rounds)]
        lines.append(self._points[player].format(*earned))
        if not state.is_terminal():
            lines.append(f"The prize is {shown[-1]}. Your cards are {hand[len(HAND) : -1]}.")
        chosen = choice_of_this_round(key)
        if chosen is not None:
            lines.append(f"You have bid {chosen + 1}.")
        return "\n".join(lines)


class RoundLines(dict[tuple[str, str, str], str]):
    """What a player is told of a round that is over, by prize, own bid from 0 and winner; each line is made once."""

    def __init__(self, player: int, players: int) -> None:
        self._called = {NOBODY: "nobody"} | {str(one): name for one, name in own_first(player, players)}

    def __missing__(self, of_round: tuple[str, str, str]) -> str:
        prize, bid, winner = of_round
        line = self[of_round] = f"Prize {prize}: you bid {int(bid) + 1}, {self._called[winner]} won it."
        return line


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
