"""Gin rummy: collect melds, knock when little is left over."""

from __future__ import annotations

from typing import Protocol, Unpack, cast

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.rendering import Rendering
from sparring.envs.games.spiel import SpielEnumMember, SpielGame, SpielState
from sparring.envs.games.two_player import TextGame

RANKS, SUITS = "A23456789TJQK", "scdh"
CARDS = tuple(rank + suit for suit in SUITS for rank in RANKS)
"""By OpenSpiel's numbers."""
DRAW_UPCARD, DRAW_STOCK, FIRST_MELD = 52, 53, 56
HAND = 10
TO_DO = {
    "FIRST_UPCARD": "Take the upcard, or pass; if both pass the first player draws from the stock.",
    "DRAW": "Draw the upcard or from the stock.",
    "DISCARD": "Discard a card, or knock if you may.",
    "WALL": "Two cards are left: knock, or pass for a draw.",
    "KNOCK": "You have knocked: discard, then lay down your melds one by one, then pass.",
    "LAYOFF": "The opponent has knocked: lay off cards on these melds, then pass.",
}
BOTH_PASSED = "Both have passed: draw from the stock."
THEN_MELDS = "The opponent has knocked: lay down your melds one by one, then pass."


COUNTED = ("FIRST_UPCARD", "DRAW", "DISCARD", "WALL")
"""Phases in which a player wants to know the own deadwood."""


class GinRummyState(SpielState, Protocol):
    """What OpenSpiel's states of this game can do beyond others; cards are numbers, lists are by player."""

    def current_phase(self) -> SpielEnumMember: ...

    def hands(self) -> list[list[int]]: ...

    def known_cards(self) -> list[list[int]]:
        """Cards in the hands that everybody has seen."""
        ...

    def deadwood(self) -> list[int]: ...

    def layed_melds(self) -> list[list[int]]:
        """Numbers of melds."""
        ...

    def layoffs(self) -> list[int]: ...

    def knocked(self) -> list[bool]: ...

    def finished_layoffs(self) -> bool: ...

    def stock_size(self) -> int: ...

    def upcard(self) -> int | None: ...

    def discard_pile(self) -> list[int]: ...


class GinRummyRendering(Rendering):
    """What lies on the table, what is known of the other's hand, and the own hand last."""

    kept_positions = 100
    tensor_range = (0.0, 1.0)

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self.rules = (
            "Gin rummy with 10 cards each; a card is a rank (A 2 to 9 T J Q K) and a suit (s c d h). A meld "
            "is three or four cards of a rank, or three and more in a row of a suit. All other cards are deadwood: A "
            "is 1 point, T J Q K are 10, others their rank. On a turn draw the upcard or from the stock, then discard. "
            "With at most 10 points left after the discard you may knock: you discard and lay down your melds. Unless "
            "you have no deadwood, which is gin, the other lays off cards on your melds; then they lay down theirs. "
            "The knocker wins the difference of the deadwood, plus 25 for gin; if the other has less than the knocker "
            "they win the difference plus 25, and equal deadwood pays nothing. It is a draw when two cards are left in "
            "the stock and nobody knocks, when both in turn take the same upcard and throw it back, and after 51 draws "
            "of an upcard."
        )
        start = game.new_initial_state()
        self._named = [_name(start.action_to_string(0, action)) for action in range(game.num_distinct_actions())]

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """draw upcard, discard 7h, meld 7s 7d 7h, lay off 8d, ..."""
        phase = cast(GinRummyState, state).current_phase().name
        verb = "lay off" if phase == "LAYOFF" else "discard"
        return [f"{verb} {self._named[action]}" if action < len(CARDS) else self._named[action] for action in legal]

    def state_key(self, player: int, state: SpielState) -> str:
        """The very text that the player sees: OpenSpiel's own leaves out what the player has seen before."""
        table = cast(GinRummyState, state)
        phase = table.current_phase().name
        lines = [*_pile(table), *self._laid(player, table)]
        if known := table.known_cards()[1 - player]:
            lines.append(f"You have seen these cards in the opponent's hand: {_say(sorted(known))}.")
        if phase == "GAME_OVER":
            lines.append(f"The opponent holds {_say(table.hands()[1 - player])}.")
        elif state.current_player() == player:
            lines.append(_to_do(phase, table))
        lines.append(f"You hold {_say(sorted(table.hands()[player]))}.")
        if phase in COUNTED:
            when = " after the best discard" if len(table.hands()[player]) > HAND else ""
            lines.append(f"Your deadwood{when}: {table.deadwood()[player]} points.")
        return "\n".join(lines)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """The state key."""
        return key

    def _laid(self, player: int, table: GinRummyState) -> list[str]:
        """Melds on the table, and what was laid off on them."""
        lines = []
        for one, owner in ((player, "Your"), (1 - player, "The opponent's")):
            if melds := table.layed_melds()[one]:
                names = [self._named[FIRST_MELD + meld].removeprefix("meld ") for meld in melds]
                lines.append(f"{owner} melds: {'; '.join(names)}.")
        if laid_off := table.layoffs():
            lines.append(f"Laid off on the knocker's melds: {_say(laid_off)}.")
        return lines


def _to_do(phase: str, table: GinRummyState) -> str:
    if phase == "FIRST_UPCARD" and DRAW_STOCK in table.legal_actions():
        return BOTH_PASSED
    return THEN_MELDS if phase == "LAYOFF" and table.finished_layoffs() else TO_DO[phase]


def _pile(table: GinRummyState) -> list[str]:
    """What lies beside the hands."""
    drawn = sum(move.action == DRAW_UPCARD for move in table.full_history() if move.player >= 0)
    upcard = table.upcard()
    return [
        f"The stock has {table.stock_size()} cards. Draws of an upcard so far: {drawn}.",
        f"Discards under the upcard, oldest first: {_say(table.discard_pile())}.",
        f"The upcard is {'taken' if upcard is None else CARDS[upcard]}.",
    ]


def _say(cards: list[int]) -> str:
    return " ".join([CARDS[card] for card in cards]) or "none"


def _name(theirs: str) -> str:
    """An action without the player: a card, "draw stock", "meld 2c 2d 2h"."""
    text = theirs.rpartition("Action: ")[2]
    if len(text) > 5 and " " not in text:
        return "meld " + " ".join([text[at : at + 2] for at in range(0, len(text), 2)])
    return text if text in CARDS else text.lower()


@registry.envs.register(
    "sparring/GinRummy-v0",
    family="games",
    seats=2,
    skills=("planning", "memory", "probability"),
    version="1",
    reward_range=(-123.0, 123.0),
    unit="points",
)
class GinRummy(OpenSpielGame):
    """Gin rummy: one hand of ten cards, paid by the difference of the deadwood."""

    metadata = {**TextGame.metadata, "name": "sparring/GinRummy-v0"}

    def __init__(self, **options: Unpack[SpielOptions]) -> None:
        room: SpielOptions = {"max_text_length": 5_000}
        super().__init__("gin_rummy", GinRummyRendering, **(room | options))
