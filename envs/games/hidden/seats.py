"""What the games of this folder share: what a seat calls the others, its choice of a round."""

from __future__ import annotations

from functools import cache

from sparring.envs.games.listed import CHOSEN
from sparring.envs.games.rendering import seat_of

MOST_PLAYERS = 10
"""Of OpenSpiel's games for several."""


def called(player: int, reader: int, players: int) -> str:
    """What the reader calls a player: "you", "opponent", or the seat where there are several opponents."""
    if player == reader:
        return "you"
    return "opponent" if players == 2 else seat_of(player)


@cache
def own_first(reader: int, players: int) -> tuple[tuple[int, str], ...]:
    """(player, what the reader calls it), the reader first."""
    order = sorted(range(players), key=lambda player: player != reader)
    return tuple((player, called(player, reader, players)) for player in order)


def choice_of_this_round(information_state: str) -> int | None:
    """What its player has chosen in the round of simultaneous choices that goes on; None before that."""
    found = CHOSEN.search(information_state)
    return int(found[1]) if found else None
