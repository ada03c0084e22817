"""Kuhn and Leduc poker for three and more, as OpenSpiel extends them: one card more than players, or two ranks more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from sparring import registry
from sparring.envs.games.hidden.seats import MOST_PLAYERS, called
from sparring.envs.games.leduc_poker import ANTE, CALL, FOLD, PRIVATE, PUBLIC, RAISE, RAISES
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.positions import Rendering, seat_of
from sparring.envs.games.ranges import require_between
from sparring.envs.games.spiel import SpielGame, SpielMove, SpielState
from sparring.envs.games.two_player import TextGame

BET, PLAYERS = 1, 3


class MultiplayerKuhnRendering(Rendering):
    """The betting with its players, and the card last."""

    kept_positions = 2_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        cards = self.players + 1
        self.rules = (
            f"Kuhn poker for {self.players} players with the cards 1 to {cards}; {cards} is highest. Each player antes "
            "1 chip and gets one card. In turn each checks, or bets 1 chip; after a bet everybody else in turn calls "
            "with 1 chip or folds, once. The highest card of those who did not fold wins the pot."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """check or bet; fold or call after a bet."""
        betting = any(move.action == BET for move in _moves(state))
        return [(("fold", "call") if betting else ("check", "bet"))[action] for action in legal]

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Who did what, what is in the pot, and the card."""
        said, has_bet, pot = [], False, self.players
        for move in _moves(state):
            words = ("folded", "called") if has_bet else ("checked", "bet")
            said.append(f"{called(move.player, player, self.players)} {words[move.action]}")
            has_bet, pot = has_bet or move.action == BET, pot + move.action
        return (
            f"You are {seat_of(player)}. Betting so far: {', '.join(said) or 'none'}. The pot is {pot} chips.\n"
            f"Your card is {int(key.rstrip('pb')) + 1}."
        )


class MultiplayerLeducRendering(Rendering):
    """The chips of everybody, the betting of both rounds with its players, and the cards last."""

    kept_positions = 2_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            f"Leduc poker for {self.players} players with two each of the cards 1 to {self.players + 1}; the highest "
            "number is best. Each player antes 1 chip and gets one card; a public card is revealed after the first of "
            "two betting rounds. A raise is 2 chips in round 1 and 4 in round 2, at most two raises a round. Whoever "
            "folds is out. A pair with the public card wins, otherwise the highest card; equal cards share the pot."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """fold, call, raise; check where there is nothing to call."""
        names = ("fold", "call" if FOLD in legal else "check", "raise")
        return [names[action] for action in legal]

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Seat, chips, betting, cards."""
        rounds = self._rounds(state)
        paid = [
            f"{chips} from {called(one, player, self.players)}" for one, chips in enumerate(_paid(rounds, self.players))
        ]
        lines = [f"You are {seat_of(player)}. Chips in the pot: {', '.join(paid)}."]
        for number, moves in enumerate(rounds, start=1):
            lines.append(f"Betting in round {number}: {self._betting(moves, player)}.")
        private, public = PRIVATE.search(key), PUBLIC.search(key)
        shown = str(int(public[1]) // 2 + 1) if public else "not revealed yet"
        mine = int(private[1]) // 2 + 1 if private else "not dealt yet"
        return "\n".join([*lines, f"The public card is {shown}. Your card is {mine}."])

    def _rounds(self, state: SpielState) -> list[list[SpielMove]]:
        """What the players did, by the rounds that have begun: the deal of the public card begins the second."""
        history = state.full_history()
        deals = [at for at, move in enumerate(history) if move.player < 0]
        cut = deals[self.players] if len(deals) > self.players else len(history)
        rounds = [history[self.players : cut], history[cut + 1 :]]
        return [list(moves) for moves in rounds[: 1 + (cut < len(history))]]

    def _betting(self, moves: list[SpielMove], player: int) -> str:
        said = []
        for at, move in enumerate(moves):
            is_raised = any(before.action == RAISE for before in moves[:at])
            word = ("folded", "called" if is_raised else "checked", "raised")[move.action]
            said.append(f"{called(move.player, player, self.players)} {word}")
        return ", ".join(said) or "none"


def _moves(state: SpielState) -> list[SpielMove]:
    """What the players did."""
    return [move for move in state.full_history() if move.player >= 0]


def _range(options: Mapping[str, object], most_paid: float) -> tuple[float, float]:
    """A player loses at most what one can pay into the pot, and wins at most what all others pay."""
    return -most_paid, most_paid * (int(str(options.get("players", PLAYERS))) - 1)


def _paid(rounds: list[list[SpielMove]], players: int) -> list[int]:
    """The chips that each player has put into the pot."""
    paid = [ANTE] * players
    for moves, size in zip(rounds, RAISES, strict=False):
        for move in moves:
            if move.action in (CALL, RAISE):
                paid[move.player] = max(paid) + (size if move.action == RAISE else 0)
    return paid


@registry.envs.register(
    "sparring/MultiplayerKuhnPoker-v0",
    family="games",
    seats=3,
    seats_option="players",
    skills=("bluffing", "probability"),
    version="1",
    reward_range=(-2.0, 18.0),
    range_with=lambda options: _range(options, 2.0),
    unit="chips",
)
class MultiplayerKuhnPoker(OpenSpielGame):
    """Kuhn poker for three and more: one card each, one more card than players, and a single bet.

    players: 3 to 10.
    """

    metadata = {**TextGame.metadata, "name": "sparring/MultiplayerKuhnPoker-v0"}

    def __init__(self, players: int = PLAYERS, **options: Unpack[SpielOptions]) -> None:
        require_between("players", players, 3, MOST_PLAYERS)
        super().__init__(f"kuhn_poker(players={players})", MultiplayerKuhnRendering, **options)


@registry.envs.register(
    "sparring/MultiplayerLeducPoker-v0",
    family="games",
    seats=3,
    seats_option="players",
    skills=("bluffing", "probability", "memory"),
    version="1",
    reward_range=(-13.0, 117.0),
    range_with=lambda options: _range(options, 13.0),
    unit="chips",
)
class MultiplayerLeducPoker(OpenSpielGame):
    """Leduc poker for three and more: two of each card, one rank more than players, a public card, two betting rounds.

    players: 3 to 10.
    """

    metadata = {**TextGame.metadata, "name": "sparring/MultiplayerLeducPoker-v0"}

    def __init__(self, players: int = PLAYERS, **options: Unpack[SpielOptions]) -> None:
        require_between("players", players, 3, MOST_PLAYERS)
        room: SpielOptions = {"max_text_length": 5_000}
        super().__init__(f"leduc_poker(players={players})", MultiplayerLeducRendering, **(room | options))
