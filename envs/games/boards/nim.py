"""Nim."""

from __future__ import annotations

import re
from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import COLUMNS
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

PILES = re.compile(r"[1-9]\d?(-[1-9]\d?){1,8}")
MOST_OBJECTS = 20


class NimRendering(FixedNames):
    """A line for every pile: its letter, its size, a stroke for every object."""

    kept_positions = 10_000
    transposes = True

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        parameters = game.get_parameters()
        sizes = [int(size) for size in parameters["pile_sizes"].split(";")]
        piles = COLUMNS[: len(sizes)].upper()
        self.names = tuple(f"{pile}{count}" for count in range(1, max(sizes) + 1) for pile in piles)
        self.rules = (
            "Nim. On your turn take any number of objects, at least one, from one pile. Whoever takes the last object "
            f"of all {'loses' if parameters['is_misere'] else 'wins'}. An action is the letter of a pile and how many "
            "objects you take from it: B2 takes two from pile B."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """Who is to move, and the sizes."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The piles; when they are gone, who took the last object."""
        mover, _, piles = key.partition(": ")
        sizes = [int(size) for size in piles.split()]
        lines = [f"{COLUMNS[at].upper()}: {size:>2} {'|' * size}".rstrip() for at, size in enumerate(sizes)]
        if not any(sizes):
            taker = "The opponent" if mover == f"({player})" else "You"
            lines.append(f"{taker} took the last object.")
        return "\n".join(lines)


@registry.envs.register(
    "sparring/Nim-v0",
    family="games",
    seats=2,
    skills=("planning", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Nim(OpenSpielGame):
    """Nim; an action is a pile and how many objects to take, such as B2.

    piles: the sizes of 2 to 9 piles, 1 to 20 objects each, with hyphens between them.
    misere: whether the one who takes the last object loses; else that one wins.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Nim-v0"}

    def __init__(self, piles: str = "1-3-5-7", misere: bool = True, **options: Unpack[SpielOptions]) -> None:
        if not PILES.fullmatch(piles) or max(map(int, piles.split("-"))) > MOST_OBJECTS:
            raise ValueError(
                f"piles must be 2 to 9 sizes from 1 to {MOST_OBJECTS} with hyphens between them, such as 1-3-5-7, "
                f"got {piles!r:.80}"
            )
        sizes = piles.replace("-", ";")
        super().__init__(f"nim(pile_sizes={sizes},is_misere={misere})", NimRendering, **options)
