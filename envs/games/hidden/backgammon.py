"""Backgammon without doubling, seen from the side of whoever reads."""

from __future__ import annotations

import re
from typing import Protocol, Unpack, cast

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Menu, Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

LINE = re.compile(r"^(Dice|Extra turn): ?(.*)$", re.MULTILINE)
TOP, BOTTOM = range(13, 25), range(12, 0, -1)
BAR, CHECKERS = 100, 15
NEW_LINE = "\n"


class BackgammonState(SpielState, Protocol):
    """What OpenSpiel's states of this game can do beyond others."""

    def board(self, player: int, at: int, /) -> int:
        """The player's checkers at a place: 0 to 23 along player 0's way, `BAR` for the bar."""
        ...


class BackgammonRendering(Rendering):
    """The points as the reader counts them, the bar, the checkers that are off, the dice."""

    kept_positions = 100

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        turns = int(game.get_parameters()["max_player_turns"])
        self.rules = (
            "Backgammon without doubling. On the board x is yours and o is the opponent's, with the number of checkers "
            "on each point. You count the points from your side: your checkers go from point 24 down to 1, and when "
            "all are on points 6 to 1 they go off; the opponent goes the other way round. Each die moves a checker by "
            "so many points, and equal dice move four times, in two actions. You cannot land on two or more o. A "
            "single o that is hit (*) goes to the bar and must come in before its owner moves anything else. An action "
            "names all moves of a roll: `24/18 13/11` moves a checker from 24 to 18 and one from 13 to 11, "
            "`24/18/13` moves one checker from 24 to 18 and on to 13, `13/11(2)` moves two checkers from 13 to 11. "
            f"Whoever has all 15 checkers off first wins; after {turns + 1} turns it is a draw."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """All moves of a roll, in the usual notation; OpenSpiel's two orders of the same moves have one name."""
        return [state.action_to_string(player, action).rpartition(" - ")[2].lower() for action in legal]

    def new_menu(self, legal: list[int], strings: list[str]) -> Menu:
        """One entry for each string; all of its actions are legal in the discrete view."""
        first: dict[str, int] = {}
        for text, action in zip(strings, legal, strict=True):
            first.setdefault(text, action)
        menu = Menu(list(first.values()), list(first), self.game.num_distinct_actions())
        menu.names = dict(zip(legal, strings, strict=True))
        return menu

    def state_key(self, player: int, state: SpielState) -> str:
        """OpenSpiel's text, and how long the game has gone on, which decides when it is a draw."""
        return f"{super().state_key(player, state)}\n{len(state.history())} rolls and actions so far"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Board, bar and off, dice."""
        mine, theirs = (_Checkers(cast(BackgammonState, state), one) for one in (player, 1 - player))
        lines = [f"Rolls and actions so far: {key.rpartition(NEW_LINE)[2].split()[0]}.", *_board(mine, theirs)]
        lines.append(f"On the bar: you {mine.bar}, opponent {theirs.bar}.")
        lines.append(f"Off the board: you {mine.off}, opponent {theirs.off}.")
        mover, said = state.current_player(), dict(LINE.findall(key))
        if mover >= 0:
            whose = "Your" if mover == player else "The opponent's"
            half = ", for the second time" if said["Extra turn"] == "1" else ""
            lines.append(f"{whose} dice: {' and '.join(said['Dice'])}{half}.")
        return "\n".join(lines)


class _Checkers:
    """One player's: on each point, as that player counts them, on the bar, and off the board."""

    def __init__(self, state: BackgammonState, player: int) -> None:
        self.points = {24 - at if player == 0 else at + 1: state.board(player, at) for at in range(24)}
        self.bar = state.board(player, BAR)
        self.off = CHECKERS - self.bar - sum(self.points.values())


def _board(mine: _Checkers, theirs: _Checkers) -> list[str]:
    """Two rows of points and their checkers, as x counts."""
    marks = {}
    for point in range(1, 25):
        own, other = mine.points[point], theirs.points[25 - point]
        marks[point] = f"x{own}" if own else f"o{other}" if other else "."
    top, bottom = (*TOP,), (*BOTTOM,)
    return [
        _row([str(point) for point in top]),
        _row([marks[point] for point in top]),
        _row([marks[point] for point in bottom]),
        _row([str(point) for point in bottom]),
    ]


def _row(cells: list[str]) -> str:
    """Twelve cells with the bar in the middle."""
    left, right = ("".join(f"{cell:>4}" for cell in half) for half in (cells[:6], cells[6:]))
    return f"{left} |{right}"


@registry.envs.register(
    "sparring/Backgammon-v0",
    family="games",
    seats=2,
    skills=("planning", "probability"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Backgammon(OpenSpielGame):
    """Backgammon without doubling; gammons count as one game."""

    metadata = {**TextGame.metadata, "name": "sparring/Backgammon-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        room: SpielOptions = {"max_text_length": 10_000}
        super().__init__("backgammon", BackgammonRendering, **(room | options))
