"""Simple negotiation: two traders, five resources, private values (the rules of TextArena's SimpleNegotiation).

Different from there, on purpose: the game lasts exactly as many turns as it announces; an offer stands for one turn,
so a denied one is gone and nobody can accept their own; offers and acceptances that cannot be paid are illegal.
Trades may gain both players value; the outcome, who gained more, is zero-sum: +1, -1 or 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.own_rules import Moves, OwnRulesGame
from sparring.envs.games.trades import (
    MENU,
    MENU_QUANTITIES,
    RESOURCES,
    Goods,
    Offer,
    Trader,
    covers,
    menu_mask,
    read_action,
)
from sparring.envs.games.two_player import MAX_ACTION_LENGTH, OTHER, SEATS, TextGame, TextGameOptions

VALUE_RANGES = ((5, 6), (8, 12), (12, 18), (20, 30), (32, 40))
"""Of RESOURCES in their order: 5, 10, 15, 25, 40, each 20 % up or down, within 5 to 40."""
HIGHEST_VALUE = 40
HIGHEST_WORTH = 25 * (6 + 12 + 18 + 30 + 40)
FEWEST, MOST = 5, 25
NO_GOODS: Goods = (0,) * len(RESOURCES)
SCALE = np.array([2 * MOST] * 15 + [HIGHEST_VALUE] * 5 + [1, HIGHEST_WORTH, 1])
"""Of the numbers of the discrete view: what they are divided by."""
DRAWN = (*[(FEWEST, MOST)] * len(RESOURCES), *VALUE_RANGES)
"""From and to which number a trader's stock and values are drawn."""
PLAIN: tuple[str, ...] = ("accept", "deny", "pass")
DENY_OR_PASS, ONLY_PASS = PLAIN[1:], PLAIN[2:]
LAST_LINES = {
    words: f"Actions: {' '.join([f'[{word}]' for word in words])} or an offer like [offer: 2 Wheat, 1 Wood -> 1 Ore]"
    for words in (PLAIN, DENY_OR_PASS, ONLY_PASS)
}
RULES = (
    "Negotiation. Trade resources so that your own total value grows more than your opponent's does. "
    "Each turn: accept or deny the standing offer, pass, or make an offer; an offer stands for the next turn only. "
    "Values are private. You may add a short message around the one action in brackets."
)


@registry.envs.register(
    "sparring/SimpleNegotiation-v0", family="games", seats=2, skills=("negotiation", "arithmetic"), version="1"
)
class SimpleNegotiation(OwnRulesGame):
    """Trade five resources with private values; whoever gains more value wins.

    turns: the length of the game, both seats together.
    instructions: whether the text begins with the rules; without them they are in `instructions(seat)`.
    Further options: see `TextGame`. A "noop" passes the turn.
    """

    metadata = {**TextGame.metadata, "name": "sparring/SimpleNegotiation-v0"}
    num_actions = len(PLAIN) + len(MENU)
    tensor_range = (-1.0, 1.0)

    def __init__(self, turns: int = 10, instructions: bool = True, **options: Unpack[TextGameOptions]) -> None:
        if turns < 1:
            raise ValueError(f"turns must be >= 1, got {turns}")
        room: TextGameOptions = {"max_text_length": 2_000 + 800 * turns}
        super().__init__(RULES, instructions, **(room | options))
        self.turns = turns

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """Stock, values, standing offer (gives, wants), whether it is the seat's to answer, gain, time left."""
        gives, wants = (self._offer.gives, self._offer.wants) if self._offer else (NO_GOODS, NO_GOODS)
        trader, mine = self._traders[seat], self._offer is not None and self.to_move == seat
        left = 1 - self._played / self.turns
        numbers = np.array([*trader.stock, *gives, *wants, *trader.values, mine, trader.gain, left], np.float64) / SCALE
        bounded: NDArray[np.float64] = np.minimum(np.maximum(numbers, -1), 1)
        return bounded.astype(np.float32)

    def action_text(self, action: int) -> str:
        """accept, deny, pass, then the offers of `MENU`."""
        if not 0 <= action < self.num_actions:
            return ""
        return PLAIN[action] if action < len(PLAIN) else f"offer: {MENU[action - len(PLAIN)]}"

    def _deal(self) -> None:
        first, other = self._rng.integers(DRAWN), self._rng.integers(DRAWN)
        goods = len(RESOURCES)
        self._traders = {seat: Trader(n[:goods], n[goods:]) for seat, n in zip(SEATS, (first, other), strict=True)}
        self._offer: Offer | None = None
        self._log = dict.fromkeys(SEATS, "")
        self._played = 0
        self.to_move = "player_0"

    def state(self) -> dict[str, object]:
        """Stocks, values, gains, the standing offer, what was said and done, by seat."""
        offer = None if self._offer is None else [list(self._offer.gives), list(self._offer.wants)]
        traders = {seat: [list(one.stock), list(one.values), one.gain] for seat, one in self._traders.items()}
        return {"traders": traders, "offer": offer, "log": dict(self._log), "played": self._played}

    def _restore(self, state: Mapping[str, Any]) -> None:
        for seat in SEATS:
            stock, values, gain = state["traders"][seat]
            self._traders[seat] = Trader(_amounts(stock), _amounts(values), int(gain))
        offer, played = state["offer"], int(state["played"])
        self._offer = None if offer is None else Offer(tuple(_amounts(offer[0])), tuple(_amounts(offer[1])))
        self._log = {seat: str(state["log"][seat]) for seat in SEATS}
        if not 0 <= played < self.turns:
            raise ValueError(f"played must be from 0 to {self.turns - 1}, got {played}")
        self._played, self.to_move = played, SEATS[played % 2]

    def _play(self, action: str) -> bool:
        if len(action) > 4 * MAX_ACTION_LENGTH:
            return False
        word, message, offer = read_action(action)
        if word == "accept":
            return self._accept(message)
        if word == "pass" or (word == "deny" and self._offer is not None):
            return self._end_turn("denied the offer" if word == "deny" else "passed", message)
        if offer is None or not covers(self._traders[self._seat].stock, offer.gives):
            return False
        return self._end_turn(f"offered {offer.text}", message, offer)

    def _pass(self) -> bool:
        return self._end_turn("passed", "")

    def _payoff(self) -> float:
        first, second = self._traders["player_0"].gain, self._traders["player_1"].gain
        return float((first > second) - (first < second))

    def _moves(self) -> Moves:
        trader = self._traders[self._seat]
        words = self._plain_actions(trader)
        return "suggested_actions", words + trader.suggested, LAST_LINES[words]

    @property
    def _seat(self) -> str:
        return self.to_move or SEATS[0]

    def _accept(self, message: str) -> bool:
        seat, offer = self._seat, self._offer
        if offer is None or not covers(self._traders[seat].stock, offer.wants):
            return False
        self._traders[seat].trade(gets=offer.gives, gives=offer.wants)
        self._traders[OTHER[seat]].trade(gets=offer.wants, gives=offer.gives)
        return self._end_turn("accepted the offer", message)

    def _end_turn(self, event: str, message: str, offer: Offer | None = None) -> bool:
        """Note what happened and hand over; an offer that was not accepted lapses here."""
        seat = self._seat
        self._played += 1
        said = f'{event}, saying "{message[:MAX_ACTION_LENGTH]}".' if message else f"{event}."
        self._log[seat] += f"\nTurn {self._played}: you {said}"
        self._log[OTHER[seat]] += f"\nTurn {self._played}: opponent {said}"
        self._offer = offer
        self.to_move = OTHER[seat] if self._played < self.turns else None
        return True

    def _plain_actions(self, trader: Trader) -> tuple[str, ...]:
        """What the seat to move can do besides making an offer."""
        if self._offer is None:
            return ONLY_PASS
        return PLAIN if covers(trader.stock, self._offer.wants) else DENY_OR_PASS

    def mask(self) -> NDArray[np.int8]:
        trader = self._traders[self._seat]
        return _mask(self._plain_actions(trader), tuple([min(count, MENU_QUANTITIES[-1]) for count in trader.stock]))

    def _view(self, seat: str) -> str:
        trader = self._traders[seat]
        turn = self._played + 1 if self._played < self.turns else self.turns
        return (
            f"Turn {turn} of {self.turns}.{self._log[seat]}\nYou have {trader.goods}. Your gain so far: {trader.gain}."
        )


@lru_cache(maxsize=10_000)
def _mask(words: tuple[str, ...], stock: Goods) -> NDArray[np.int8]:
    """[num_actions], read-only: of the plain words that are open, and of a stock as far as the menu counts."""
    mask = np.concatenate([np.array([word in words for word in PLAIN], np.int8), menu_mask(stock)])
    mask.flags.writeable = False
    return mask


def _amounts(numbers: Sequence[int]) -> list[int]:
    """One whole number of each resource. Raises ValueError for anything else."""
    if len(numbers) != len(RESOURCES) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(f"there must be {len(RESOURCES)} whole numbers >= 0, got {numbers}")
    return list(numbers)
