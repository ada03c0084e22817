"""What the board games share: labelled boards, names of actions."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.envs.games.open_spiel import SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielGame, SpielState

COLUMNS = "abcdefghijklmnopqrstuvwxyz"
LONG_TEXT: SpielOptions = {"max_text_length": 10_000}
"""For boards whose text and actions need more than the usual space."""


def letters(columns: int) -> str:
    """The line of column letters above or below a board whose rows have labels of one character: "  a b c"."""
    return "  " + " ".join(COLUMNS[:columns])


def spaced(board: str) -> str:
    """OpenSpiel's board, a character a cell behind each row's number, with blanks between the cells."""
    return "\n".join(map(" ".join, board.rstrip("\n").split("\n")))


def numbered_rows(rows: Sequence[str]) -> str:
    """Rows of one character a cell, numbered from 1 at the top, under the column letters."""
    width = len(str(len(rows)))
    lines = [f"{number:>{width}} {' '.join(row)}" for number, row in enumerate(rows, 1)]
    return "\n".join([" " * (width - 1) + letters(len(rows[0])), *lines])


def cells(columns: int, rows: int) -> tuple[str, ...]:
    """The names of all cells, row by row, row 1 first: a1, b1, ..."""
    return tuple(f"{COLUMNS[column]}{row}" for row in range(1, rows + 1) for column in range(columns))


class OwnNames(Rendering):
    """A rendering whose actions have one name each, made out of OpenSpiel's own when the action is first seen."""

    kept_positions = 1_000

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self._names: dict[int, str] = {}

    def name(self, theirs: str) -> str:
        """Our name of the action that OpenSpiel calls so."""
        raise NotImplementedError

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """The names."""
        names = self._names
        for action in legal:
            if action not in names:
                names[action] = self.name(state.action_to_string(player, action))
        return [names[action] for action in legal]


class OwnPieces(OwnNames):
    """A rendering of OpenSpiel's board, row 1 at the bottom, under a line on whose pieces are whose."""

    tensor_range = (0.0, 1.0)
    sides: tuple[str, str]
    """The line, by player."""

    def state_key(self, player: int, state: SpielState) -> str:
        """The board, and who looks at it, which is who moves."""
        return f"{state}{self.sides[player]}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The line, the board."""
        board, _, side = key.rpartition("\n")
        return f"{side}\n{spaced(board)}"
