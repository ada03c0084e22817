"""Othello."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import cells
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

SIDES = ("You are Black: your discs are x, White's are o.", "You are White: your discs are o, Black's are x.")


class OthelloRendering(FixedNames):
    """The board with row 1 at the top, and how many discs there are."""

    kept_positions = 2_000
    transposes = True
    tensor_range = (0.0, 1.0)
    names = (*cells(8, 8), "pass")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Othello. Put a disc on an empty cell (a dot) so that opposing discs lie in a straight line, diagonals "
            "included, between it and another disc of yours with no gap; all discs so enclosed, in every direction, "
            "become yours. Whoever has no such cell must pass. When neither can move, most discs win, and equal "
            "numbers are a draw. An action is a cell: column letter and row number, such as d3; or pass."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """Who is to move, and the board."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the discs on the board."""
        lines = key.split("\n")
        board = "\n".join([lines[1].rstrip(), *[line[:-2] for line in lines[2:10]]]).replace("-", ".")
        return f"{SIDES[player]}\nDiscs: x {board.count('x')}, o {board.count('o')}.\n{board}"


@registry.envs.register(
    "sparring/Othello-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Othello(OpenSpielGame):
    """Othello (Reversi) on 8 x 8; an action is a cell, such as d3, or pass."""

    metadata = {**TextGame.metadata, "name": "sparring/Othello-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("othello", OthelloRendering, **options)
