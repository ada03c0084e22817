"""Go."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.ranges import require_between
from sparring.envs.games.rendering import FixedNames
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

COLUMNS = "abcdefghjklmnopqrst"
"""Go has no column i."""
SIDES = ("You are Black: your stones are X, White's are O.", "You are White: your stones are O, Black's are X.")


class GoRendering(FixedNames):
    """The board with row 1 at the bottom, and all moves, of which it depends whether a position comes back."""

    kept_positions = 1_000
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        size, komi = game.get_parameters()["board_size"], game.get_parameters()["komi"]
        columns = COLUMNS[:size]
        self.names = (*[f"{column}{row}" for row in range(1, size + 1) for column in columns], "pass")
        self._letters = "   " + " ".join(columns)
        self.rules = (
            f"Go on {size} x {size} points; a dot is a free point. Put a stone on a free point, or pass. Stones of one "
            "colour connected in rows and columns are a group; a group without a free point next to it is taken off. "
            "Suicide is not allowed, nor retaking a ko at once; a move that makes any earlier position of the whole "
            f"board again ends the game as a draw. After two passes in a row, or {game.max_game_length()} moves, each "
            "side scores its stones (none count as dead) and the free points that only its stones surround; White "
            f"gets {komi:g} extra, and the higher score wins. An action is a point: column letter (there is no i) and "
            "row number; or pass."
        )

    def state_key(self, player: int, state: SpielState) -> str:
        """The board, and all moves."""
        moves = " ".join([self.names[action] for action in state.history()])
        board = str(state).partition("\n")[2].strip("\n")
        return f"{board}\n{moves or 'none'}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the board, the moves."""
        *rows, _, moves = key.replace("+", ".").split("\n")
        board = "\n".join([f"{row[:2]} {' '.join(row[3:])}" for row in rows])
        return f"{SIDES[player]}\n{board}\n{self._letters}\nMoves so far, Black first: {moves}"


@registry.envs.register(
    "sparring/Go-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Go(OpenSpielGame):
    """Go with area scoring; an action is a point, such as c3, or pass.

    board_size: rows and columns, 2 to 19. komi: points that White gets, -400 to 400. Longest game: two moves a point.
    """

    metadata = {**TextGame.metadata, "name": "sparring/Go-v0"}

    def __init__(self, board_size: int = 5, komi: float = 7.5, **options: Unpack[SpielOptions]) -> None:
        require_between("board_size", board_size, 2, 19)
        if not -400 <= komi <= 400:
            raise ValueError(f"komi must be from -400 to 400, got {komi}")
        super().__init__(f"go(board_size={board_size},komi={float(komi)})", GoRendering, **(LONG_TEXT | options))
