"""Leduc poker: six cards, two rounds, one public card (Southey et al. 2005)."""

from __future__ import annotations

import re
from typing import Unpack

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

FOLD, CALL, RAISE = 0, 1, 2
PRIVATE = re.compile(r"\[Private: (\d+)\]")
PUBLIC = re.compile(r"\[Public: (\d+)\]")
ROUNDS = re.compile(r"\[Round[12]: ([\d ]*)\]")
ANTE, RAISES = 1, (2, 4)


class LeducRendering(Rendering):
    """The cards, the chips in the pot and the betting of both rounds from the seat's own side."""

    kept_positions = 10_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Leduc poker with two each of J, Q and K. Each player antes 1 chip and gets one card; a public card is "
            "revealed after the first of two betting rounds. A raise is 2 chips in round 1 and 4 in round 2, at most "
            "two raises a round. A pair with the public card wins, otherwise the higher card."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """fold, call, raise; check where there is nothing to call."""
        names = ("fold", "call" if FOLD in legal else "check", "raise")
        return [names[action] for action in legal]

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Seat, chips, betting, and the cards last."""
        private, public = PRIVATE.search(key), PUBLIC.search(key)
        rounds = [[int(move) for move in moves.split()] for moves in ROUNDS.findall(key)]
        paid = _paid(rounds)
        lines = [
            f"You act {'first' if player == 0 else 'second'}. "
            f"Chips in the pot: {paid[player]} from you, {paid[1 - player]} from the opponent.",
            f"Betting in round 1: {_betting(rounds[0], player)}.",
        ]
        if public:
            lines.append(f"Betting in round 2: {_betting(rounds[1], player)}.")
        lines.append(f"The public card is {_rank(public)}. Your card is {_rank(private)}.")
        return "\n".join(lines)


def _rank(card: re.Match[str] | None) -> str:
    return "JQK"[int(card[1]) // 2] if card else "not revealed yet"


def _paid(rounds: list[list[int]]) -> list[int]:
    """The chips that each player has put into the pot."""
    paid = [ANTE, ANTE]
    for moves, size in zip(rounds, RAISES, strict=True):
        for at, move in enumerate(moves):
            if move != FOLD:
                paid[at % 2] = max(paid) + (size if move == RAISE else 0)
    return paid


def _betting(moves: list[int], player: int) -> str:
    """One round in words: player 0 opens both rounds, and the seats take turns."""
    return ", ".join(_said(moves, at, at % 2 == player) for at in range(len(moves))) or "none"


def _said(moves: list[int], at: int, mine: bool) -> str:
    verbs = ("folded", "called" if RAISE in moves[:at] else "checked", "raised")
    return f"{'you' if mine else 'opponent'} {verbs[moves[at]]}"


@registry.envs.register(
    "sparring/LeducPoker-v0",
    family="games",
    seats=2,
    skills=("bluffing", "probability", "memory"),
    version="1",
    reward_range=(-13.0, 13.0),
    unit="chips",
)
class LeducPoker(OpenSpielGame):
    """Leduc poker: one card each out of two J, Q, K, a public card, and two betting rounds."""

    metadata = {**TextGame.metadata, "name": "sparring/LeducPoker-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("leduc_poker", LeducRendering, **options)
