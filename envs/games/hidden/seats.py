"""What the games of this folder share: what a seat calls the others, its choice of a round."""

from __future__ import annotations

from sparring.envs.games.listed import CHOSEN
from sparring.envs.games.positions import seat_of
from sparring.envs.games.spiel import SpielState

MOST_PLAYERS = 10
"""Of OpenSpiel's games for several."""


def called(player: int, reader: int, players: int) -> str:
    """What the reader calls a player: "you", "opponent", or the seat where there are several opponents."""
    if player == reader:
        return "you"
    return "opponent" if players == 2 else seat_of(player)


def choice_of_this_round(player: int, state: SpielState) -> int | None:
    """What a player has chosen in the round of simultaneous choices that goes on; None before that."""
    found = CHOSEN.search(state.information_state_string(player))
    return int(found[1]) if found else None
