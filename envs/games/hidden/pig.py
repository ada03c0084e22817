"""Pig: roll on and risk the turn's points, or hold and keep them (Scarne 1945)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from sparring import registry
from sparring.envs.games.hidden.seats import MOST_PLAYERS, own_first
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

LAST_ACTIONS = 1_000


class PigRendering(FixedNames):
    """How many actions are over, the scores, the points of this turn."""

    kept_positions = 2_000
    names = ("roll", "hold")

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.target = int(game.get_parameters()["winscore"])
        self.rules = (
            f"Pig for {self.players} players. On your turn roll a die as often as you like: rolls from 2 to 6 are "
            "added up, and a 1 ends your turn and loses what you added up in it. Hold ends your turn and adds it to "
            f"your score. Whoever first reaches {self.target} points wins; with enough for that you can only hold. "
            f"After {LAST_ACTIONS} actions it is a draw."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """OpenSpiel's text and the number of actions, which decides when it is a draw."""
        return f"{super().state_key(player, state)}\n{actions_so_far(state.history())} actions so far"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The own score first."""
        first, *_, done = key.split("\n")
        said, _, turn = first.removeprefix("Scores: ").partition(", Turn total: ")
        scores = said.split()
        points = [f"{name} {scores[one]}" for one, name in own_first(player, self.players)]
        lines = [f"You are player_{player}."] if self.players > 2 else []
        lines += [f"Actions so far: {done.split()[0]}.", f"Scores: {', '.join(points)}."]
        if not state.is_terminal():
            lines.append(f"Points added up in this turn: {turn}.")
        return "\n".join(lines)


def actions_so_far(history: Sequence[int]) -> int:
    """The players' actions in OpenSpiel's history, where a die follows each roll, which is 0 and may be 0 itself."""
    ones_as_two = bytes(history).replace(b"\0\0", b"\2")
    return len(ones_as_two) - ones_as_two[:-1].count(0)


@registry.envs.register(
    "sparring/Pig-v0",
    family="games",
    seats=2,
    seats_option="players",
    skills=("probability", "arithmetic"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Pig(OpenSpielGame):
    """Pig: roll on, or hold what this turn has brought.

    target: points that win, 2 to 500. players: 2 to 10.
    TextArena's PigDice is this game with target=100; there the higher score wins after 100 turns.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Pig-v0"}

    def __init__(self, target: int = 50, players: int = 2, **options: Unpack[SpielOptions]) -> None:
        require_between("target", target, 2, 500)
        require_between("players", players, 2, MOST_PLAYERS)
        super().__init__(f"pig(winscore={target},players={players},horizon={LAST_ACTIONS})", PigRendering, **options)
