"""Kuhn poker: three cards, one chip to bet; the smallest game with bluffs (Kuhn 1950)."""

from __future__ import annotations

import warnings
from typing import Literal, Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

QUIRK = (
    'payoffs="textarena" is not Kuhn poker: as in TextArena and SPIRAL the pot never grows, so that every line is '
    "worth 1 chip. Use it to reproduce published runs only; exact metrics of Kuhn poker do not apply."
)


class KuhnRendering(Rendering):
    """The card, and the betting from the seat's own side."""

    kept_positions = 100
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Kuhn poker with the cards J, Q and K; K is highest. Each player antes 1 chip and gets one card. "
            "A bet adds 1 chip and a call matches it. After a fold the other player wins the pot, "
            "otherwise the higher card does."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """check or bet; fold or call against a bet."""
        names = ("fold", "call") if self._betting(player, state)[-1:] == "b" else ("check", "bet")
        return [names[action] for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """OpenSpiel's information state: the card and the betting, e.g. "0pb"."""
        return str(state.information_state_string(player))

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Seat, betting, and the card last: small models find what stands close to their answer."""
        betting = key[1:]
        done = [_said(betting, at, "you" if at % 2 == player else "opponent") for at in range(len(betting))]
        return (
            f"You act {'first' if player == 0 else 'second'}. Betting so far: {', '.join(done) or 'none'}.\n"
            f"Your card is {'JQK'[int(key[0])]}."
        )

    @staticmethod
    def _betting(player: int, state: SpielState) -> str:
        return str(state.information_state_string(player))[1:]


def _said(betting: str, at: int, who: str) -> str:
    verbs = {"p": "folded", "b": "called"} if "b" in betting[:at] else {"p": "checked", "b": "bet"}
    return f"{who} {verbs[betting[at]]}"


@registry.envs.register(
    "sparring/KuhnPoker-v0",
    family="games",
    seats=2,
    skills=("bluffing", "probability"),
    version="1",
    reward_range=(-2.0, 2.0),
    unit="chips",
)
class KuhnPoker(OpenSpielGame):
    """Kuhn poker: one card each out of J, Q, K, and a single bet.

    payoffs: "standard", or "textarena" for the published quirk (see `QUIRK`, which it warns with).
    """

    metadata = {**TextGame.metadata, "name": "sparring/KuhnPoker-v0"}

    def __init__(self, payoffs: Literal["standard", "textarena"] = "standard", **options: Unpack[SpielOptions]) -> None:
        if payoffs not in ("standard", "textarena"):
            raise ValueError(f"payoffs must be 'standard' or 'textarena', got {payoffs!r}")
        super().__init__("kuhn_poker", KuhnRendering, **options)
        self.payoffs = payoffs
        if payoffs == "textarena":
            warnings.warn(QUIRK, UserWarning, stacklevel=2)
            self.stake = 1.0

    @property
    def why_not_exact(self) -> str:
        """TextArena's game has other payoffs than Kuhn's, and none of its figures."""
        return super().why_not_exact if self.payoffs == "standard" else "pays otherwise than OpenSpiel"

    def _payoff(self) -> float:
        payoff = super()._payoff()
        return payoff if self.payoffs == "standard" else (1.0 if payoff > 0 else -1.0)
