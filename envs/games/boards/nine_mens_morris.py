"""Nine Men's Morris."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

POINTS = (
    *("a7", "d7", "g7", "b6", "d6", "f6", "c5", "d5", "e5", "a4", "b4", "c4"),
    *("e4", "f4", "g4", "c3", "d3", "e3", "b2", "d2", "f2", "a1", "d1", "g1"),
)
"""OpenSpiel's points 0 to 23."""
MILL = "Capture time!"
SIDES = ("You are White: your men are W, Black's are B.", "You are Black: your men are B, White's are W.")


class NineMensMorrisRendering(Rendering):
    """The three squares with their lines, row 7 at the top."""

    kept_positions = 1_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self._moves = [f"{start}-{end}" for start in POINTS for end in POINTS]
        self._takes = [f"x{point}" for point in POINTS]
        self.rules = (
            "Nine Men's Morris. First both place nine men in turn on free points (dots); then they move a man along a "
            "line to a neighbouring free point; whoever has three men left and none to place may jump to any free "
            "point. Three of your men on the three points of a line make a mill: take off one man of the opponent, "
            "out of a mill only if all are in mills. Whoever has two men left (men to place count), or cannot move, "
            "loses; after 200 turns it is a draw. An action is a point, such as d6, to place a man; from-to, such as "
            "d6-d7, to move; xd6 to take off the man on d6."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """A point to place a man on or to take one off, or from-to."""
        if legal[0] >= len(POINTS):
            return [self._moves[action - len(POINTS)] for action in legal]
        names = self._takes if MILL in str(state) else POINTS
        return [names[action] for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """The board, the men, the turn, and whose it is."""
        return str(state)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the men, the board, a mill that was just made."""
        lines = key.split("\n")
        rows = [f"{7 - at} {_narrow(lines[2 * at])}" for at in range(7)]
        mover, turn, to_place, men = (line.rpartition(": ")[2].split() for line in lines[14:18])
        facts = (
            f"{SIDES[player]} Turns so far: {turn[0]} of 200.\n"
            f"Men to place: W {to_place[0]}, B {to_place[1]}. Men in all: W {men[0]}, B {men[1]}."
        )
        mill = [f"{mover[0]} has just made a mill and takes off a man."] if MILL in key else []
        return "\n".join([facts, *rows, letters(7), *mill])


def _narrow(line: str) -> str:
    """A line of OpenSpiel's board with two characters a column."""
    return line[:6] + line[7:9] + line[10:]


@registry.envs.register(
    "sparring/NineMensMorris-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class NineMensMorris(OpenSpielGame):
    """Nine Men's Morris; an action is a point (d6), from-to (d6-d7), or a man to take off (xd6)."""

    metadata = {**TextGame.metadata, "name": "sparring/NineMensMorris-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("nine_mens_morris", NineMensMorrisRendering, **(LONG_TEXT | options))
