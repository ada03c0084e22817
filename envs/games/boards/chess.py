"""Chess."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.games.boards.board import LONG_TEXT, letters
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Menu, Rendering
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

EMPTY = str.maketrans({str(count): "." * count for count in range(1, 9)})
SIDES = (
    "You are Black: your pieces are the lower-case letters.",
    "You are White: your pieces are the upper-case letters.",
)
CASTLING = {"K": "White king side", "Q": "White queen side", "k": "Black king side", "q": "Black queen side"}


class ChessRendering(Rendering):
    """The board with row 1 at the bottom, rights and counters, and the moves after which no position comes back."""

    kept_positions = 500
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Chess. K is a king, Q a queen, R a rook, B a bishop, N a knight, P a pawn; White's are upper case, "
            "Black's lower case, a dot is an empty square. White moves first. Checkmate wins. Draws: stalemate; a "
            "position that comes for the third time; 100 moves in a row, both sides counted, without a capture or "
            "pawn move; kings alone, or with one knight in all, or with bishops of one square colour only. An action "
            "is from-to, such as e2e4; castling is the king's move, e1g1; a promotion names the new piece, e7e8q."
        )

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """From-to, as engines write it."""
        from pyspiel import chess

        board, to_move = state.board(), chess.action_to_move  # type: ignore[attr-defined]
        return [to_move(action, board).to_lan() for action in legal]

    def menu(self, player: int, state: SpielState, legal: list[int]) -> Menu:
        """A new one: they seldom come back."""
        return self.new_menu(legal, self.actions(player, state, legal))

    def state_key(self, player: int, state: SpielState) -> str:
        """FEN, and the moves since a capture or pawn move, that one included: what repetitions depend on."""
        fen = str(state)
        count = int(fen.split(" ")[4])
        moves = [move.to_lan() for move in state.moves_history()[-count - 1 :]]  # type: ignore[attr-defined]
        return f"{fen}\n{' '.join(moves) or 'none'}"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The side, the board, rights and counters, the moves."""
        fen, _, moves = key.partition("\n")
        board, _, rights, en_passant, count, _ = fen.split(" ")
        rows = [f"{8 - at} {' '.join(row)}" for at, row in enumerate(board.translate(EMPTY).split("/"))]
        castling = ", ".join(CASTLING[right] for right in rights if right in CASTLING)
        return "\n".join(
            [
                SIDES[player],
                *rows,
                letters(8),
                f"May still castle: {castling or 'nobody'}. En passant square: {en_passant.replace('-', 'none')}.",
                f"Moves since the last capture or pawn move: {count} of 100. Moves from that one on: {moves}",
            ]
        )


@registry.envs.register(
    "sparring/Chess-v0",
    family="games",
    seats=2,
    skills=("planning", "space"),
    version="1",
    reward_range=(-1.0, 1.0),
)
class Chess(OpenSpielGame):
    """Chess; an action is from-to, such as e2e4. White, who moves first, is player_1, as in OpenSpiel."""

    metadata = {**TextGame.metadata, "name": "sparring/Chess-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        super().__init__("chess", ChessRendering, **(LONG_TEXT | options))
