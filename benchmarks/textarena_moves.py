"""The games that TextArena has too: what they are called there, and their legal actions, which TextArena does not list.

Missing are Chess and Checkers, whose modules Python 3.11 cannot parse. TextArena 0.7 has no other game of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Legal = Callable[[Any], list[str]]
"""From the state of a game to the actions."""
UNITS = 20


@dataclass(frozen=True, slots=True)
class Peer:
    """A game as TextArena has it."""

    legal: Legal
    name: str = ""
    """Where it is not ours."""
    seats: int = 2
    options: Mapping[str, int] = field(default_factory=dict)
    """What it is built with, so that it is our game."""


def always(*actions: str) -> Legal:
    """The same actions at every turn."""
    return lambda _: list(actions)


def tic_tac_toe(state: Any) -> list[str]:
    """Empty cells."""
    return [f"[{at}]" for at in range(9) if not state["board"][at // 3][at % 3]]


def kuhn(state: Any) -> list[str]:
    """What the betting allows."""
    return [f"[{name}]" for name in state["current_legal_action_tree"]]


def connect_four(state: Any) -> list[str]:
    """Columns with room."""
    return [f"[col {column}]" for column in range(7) if state["board"][0][column] == "."]


def negotiation(state: Any) -> list[str]:
    """Offers of one piece that each side can pay, and an answer."""
    stocks = state["player_resources"].values()
    names = [name for name in ("Wheat", "Wood", "Sheep") if all(stock[name] for stock in stocks)]
    return ["[Deny]", "[Accept]", *[f"[Offer: 1 {name} -> 1 Ore]" for name in names]]


def nim(state: Any) -> list[str]:
    """Every number of objects of every pile."""
    return [f"[{pile} {count}]" for pile, size in enumerate(state["piles"]) for count in range(1, size + 1)]


def othello(state: Any) -> list[str]:
    """What the environment lists."""
    return [f"[{row}, {column}]" for row, column in state["valid_moves"]]


def breakthrough(state: Any) -> list[str]:
    """Of the side whose turn the plies say. TextArena moves straight ahead, and diagonally to capture only."""
    board, size = state["board"], len(state["board"])
    own, other, step = ("W", "B", 1) if state.setdefault("plies", 0) % 2 == 0 else ("B", "W", -1)
    state["plies"] += 1
    found = []
    for row in range(size):
        for column in range(size):
            ahead = row + step
            if board[row][column] == own and 0 <= ahead < size:
                for to in range(max(0, column - 1), min(size, column + 2)):
                    if board[ahead][to] == ("" if to == column else other):
                        found.append(f"[{'abcdefgh'[column]}{row + 1}{'abcdefgh'[to]}{ahead + 1}]")
    return found


def ultimate_tic_tac_toe(state: Any) -> list[str]:
    """Free cells of the board to play, or of all that nobody has won."""
    forced, won = state["next_micro_board"], state["macro_board"]
    boards = [at for at in range(9) if won[at // 3][at % 3] == " "] if forced is None else [forced]
    return [f"[{at} {cell}]" for at in boards for cell in range(9) if state["board"][at][cell // 3][cell % 3] == " "]


def goofspiel(state: Any) -> list[str]:
    """The cards of whoever bids next."""
    first, bids = state["starting_player"], state["pending_bids"]
    faces = {1: "A", 11: "J", 12: "Q", 13: "K"}
    return [f"[{faces.get(card, card)}]" for card in state["player_hands"][1 - first if bids else first]]


def liars_dice(state: Any) -> list[str]:
    """Bids of as many dice as there are, neither number lower than in the last bid; a call after a bid."""
    count, face = state["current_bid"]["quantity"], state["current_bid"]["face_value"]
    counts, faces = range(max(count, 1), sum(state["remaining_dice"].values()) + 1), range(max(face, 1), 7)
    bids = [f"[Bid: {more}, {other}]" for more in counts for other in faces if (more, other) != (count, face)]
    return [*bids, *(["[Call]"] if count else [])]


TEXTARENA = {
    "TicTacToe": Peer(tic_tac_toe),
    "KuhnPoker": Peer(kuhn, options={"max_rounds": 1}),
    "ConnectFour": Peer(connect_four),
    "SimpleNegotiation": Peer(negotiation),
    "Nim": Peer(nim),
    "Othello": Peer(othello),
    "Breakthrough": Peer(breakthrough),
    "UltimateTicTacToe": Peer(ultimate_tic_tac_toe),
    "RockPaperScissors": Peer(
        always("[rock]", "[paper]", "[scissors]"), "IteratedRockPaperScissors", options={"num_rounds": 1}
    ),
    "Blotto": Peer(
        always(*[f"[A{a} B{b} C{UNITS - a - b}]" for a in range(UNITS + 1) for b in range(UNITS + 1 - a)]),
        "ColonelBlotto",
        options={"num_rounds": 1},
    ),
    "Goofspiel": Peer(goofspiel, "GameOfPureStrategy"),
    "LiarsDice": Peer(liars_dice, options={"num_dice": 1}),
    "MultiplayerLiarsDice": Peer(liars_dice, "LiarsDice", seats=3),
    "Pig": Peer(always("[roll]", "[hold]"), "PigDice"),
    "Snake": Peer(always("[up]", "[down]", "[left]", "[right]")),
    "TruthAndDeception": Peer(always("[Fact 1] is true.", "[Fact 2] is true.")),
}
