"""Simple negotiation: two traders, five resources, private values (the rules of TextArena's SimpleNegotiation).

Different from there, on purpose: the game lasts exactly as many turns as it announces; an offer stands for one turn,
so a denied one is gone and nobody can accept their own; offers and acceptances that cannot be paid are illegal.
Trades may gain both players value; the outcome, who gained more, is zero-sum: +1, -1 or 0.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.trades import (
    MENU,
    MENU_COUNTS,
    MENU_GIVES,
    RESOURCES,
    Offer,
    covers,
    read_offer,
    split_message,
    suggestions,
    worth,
)
from sparring.envs.text_game import MAX_ACTION_LENGTH, OTHER, SEATS, TextGame

BASE_VALUES = (5, 10, 15, 25, 40)
LOWEST_VALUE, HIGHEST_VALUE = 5, 40
FEWEST, MOST = 5, 25
PLAIN = ("accept", "deny", "pass")
RULES = (
    "Negotiation. Trade resources so that your own total value grows more than your opponent's does. "
    "Each turn: accept or deny the standing offer, pass, or make an offer, which the opponent can accept next turn only. "
    "Values are private. You may add a short message around the one action in brackets."
)


@registry.envs.register(
    "sparring/SimpleNegotiation-v0", family="games", seats=2, skills=("negotiation", "arithmetic"), version="0"
)
class SimpleNegotiation(TextGame):
    """Trade five resources with private values; whoever gains more value wins.

    turns: the length of the game, both seats together.
    Further options: see `TextGame`. A "noop" passes the turn.
    """

    metadata = {**TextGame.metadata, "name": "sparring/SimpleNegotiation-v0"}
    num_actions = len(PLAIN) + len(MENU)
    tensor_range = (-1.0, 1.0)

    def __init__(self, turns: int = 10, **options: Any) -> None:
        if turns < 1:
            raise ValueError(f"turns must be >= 1, got {turns}")
        super().__init__(**{"max_text_length": 2_000 + 800 * turns, **options})
        self.turns = turns
        self._generator = random.Random()

    def observe(self, agent: str) -> str:
        """What `agent` sees: its own stock and values, what was said and done, and what it may do."""
        return f"{RULES}\n{self._view(agent)}\n{self._last_line(agent)}"

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """Stock, values, standing offer (gives, wants), whether it is the seat's to answer, gain, time left."""
        offer = self._offer or Offer((0,) * len(RESOURCES), (0,) * len(RESOURCES))
        goods = np.array([*self._stock[seat], *offer.gives, *offer.wants]) / (2 * MOST)
        mine = self._offer is not None and self.to_move == seat
        rest = [mine, self._gain(seat) / (MOST * sum(BASE_VALUES)), 1 - self._played / self.turns]
        values = np.array(self._values[seat]) / HIGHEST_VALUE
        return np.clip(np.concatenate([goods, values, rest]), -1, 1).astype(np.float32)

    def action_text(self, action: int) -> str:
        """accept, deny, pass, then the offers of `MENU`."""
        if not 0 <= action < self.num_actions:
            return ""
        return PLAIN[action] if action < len(PLAIN) else f"offer: {MENU[action - len(PLAIN)]}"

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._generator.seed(seed)
        draw = self._generator.randint
        self._stock = {seat: [draw(FEWEST, MOST) for _ in RESOURCES] for seat in SEATS}
        self._values = {seat: [draw(*_value_range(base)) for base in BASE_VALUES] for seat in SEATS}
        self._start_worth = {seat: worth(self._stock[seat], self._values[seat]) for seat in SEATS}
        self._offer: Offer | None = None
        self._log: list[tuple[str, str, str]] = []
        self._played = 0
        self.to_move = "player_0"

    def _play(self, action: str) -> bool:
        if len(action) > 4 * MAX_ACTION_LENGTH:
            return False
        command, message = split_message(action)
        word = command.lower() if command.isascii() else ""
        if word == "accept":
            return self._accept(message)
        if word == "pass" or (word == "deny" and self._offer is not None):
            return self._end_turn("denied the offer" if word == "deny" else "passed", message)
        offer = read_offer(command)
        if offer is None or not covers(self._stock[self._seat], offer.gives):
            return False
        return self._end_turn(f"offered {offer}", message, offer)

    def _pass(self) -> bool:
        return self._end_turn("passed", "")

    def _payoff(self) -> float:
        first, second = self._gain("player_0"), self._gain("player_1")
        return float((first > second) - (first < second))

    def _info(self) -> dict[str, Any]:
        seat = self._seat
        offers = [f"offer: {offer}" for offer in suggestions(self._stock[seat], self._values[seat])]
        return {
            "suggested_actions": (*self._plain_actions(seat), *offers),
            "state_key": self._view(seat),
            "action_mask": self._mask(seat),
        }

    @property
    def _seat(self) -> str:
        return self.to_move or SEATS[0]

    def _accept(self, message: str) -> bool:
        seat, offer = self._seat, self._offer
        if offer is None or not covers(self._stock[seat], offer.wants):
            return False
        for at, (gives, wants) in enumerate(zip(offer.gives, offer.wants, strict=True)):
            self._stock[seat][at] += gives - wants
            self._stock[OTHER[seat]][at] += wants - gives
        return self._end_turn("accepted the offer", message)

    def _end_turn(self, event: str, message: str, offer: Offer | None = None) -> bool:
        """Note what happened and hand over; an offer that was not accepted lapses here."""
        self._log.append((self._seat, event, message[:MAX_ACTION_LENGTH]))
        self._offer = offer
        self._played += 1
        self.to_move = OTHER[self._seat] if self._played < self.turns else None
        return True

    def _gain(self, seat: str) -> int:
        return worth(self._stock[seat], self._values[seat]) - self._start_worth[seat]

    def _plain_actions(self, seat: str) -> tuple[str, ...]:
        if self._offer is None:
            return ("pass",)
        return PLAIN if covers(self._stock[seat], self._offer.wants) else ("deny", "pass")

    def _mask(self, seat: str) -> NDArray[np.int8]:
        mask = np.zeros(self.num_actions, np.int8)
        mask[[PLAIN.index(word) for word in self._plain_actions(seat)]] = 1
        mask[len(PLAIN) :] = np.array(self._stock[seat])[MENU_GIVES] >= MENU_COUNTS
        return mask

    def _view(self, seat: str) -> str:
        stock = zip(self._stock[seat], RESOURCES, self._values[seat], strict=True)
        goods = ", ".join([f"{count} {name} at {value}" for count, name, value in stock])
        log = "".join([_told(at, entry, seat) for at, entry in enumerate(self._log)])
        turn = min(self._played + 1, self.turns)
        return f"Turn {turn} of {self.turns}.{log}\nYou have {goods}. Your gain so far: {self._gain(seat)}."

    def _last_line(self, seat: str) -> str:
        if self._over:
            return "The game is over."
        if self.to_move != seat:
            return "The other player is to move."
        plain = " ".join([f"[{word}]" for word in self._plain_actions(seat)])
        return f"Actions: {plain} or an offer like [offer: 2 Wheat, 1 Wood -> 1 Ore]"


def _value_range(base: int) -> tuple[int, int]:
    spread = base // 5
    return max(base - spread, LOWEST_VALUE), min(base + spread, HIGHEST_VALUE)


def _told(at: int, entry: tuple[str, str, str], seat: str) -> str:
    who, event, message = entry
    said = f', saying "{message}"' if message else ""
    return f"\nTurn {at + 1}: {'you' if who == seat else 'opponent'} {event}{said}."
