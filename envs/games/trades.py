"""Offers of the negotiation game: what they are, how they are written and read, and the fixed menu of small ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from operator import ge, mul

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.two_player import BLANKS

RESOURCES = ("Wheat", "Wood", "Sheep", "Brick", "Ore")
MENU_QUANTITIES = (1, 2, 3, 5)
OFFER = re.compile(r"offer *:? *(.+?) *-> *(.+)", re.IGNORECASE)
ITEM = re.compile(r"([0-9]{1,3}) +([a-z]+)", re.IGNORECASE)
BRACKETED = re.compile(r"\[([^\[\]]*)\]")
INDEX = {name.lower(): at for at, name in enumerate(RESOURCES)}

Goods = tuple[int, ...]
"""A quantity of each of RESOURCES."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the proposer gives, and wants for it."""

    gives: Goods
    wants: Goods
    text: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", f"{written(self.gives)} -> {written(self.wants)}")

    def __str__(self) -> str:
        return self.text


def written(goods: Goods) -> str:
    """E.g. "3 Sheep, 2 Ore"."""
    return ", ".join([f"{count} {name}" for count, name in zip(goods, RESOURCES, strict=True) if count])


def covers(stock: Sequence[int], goods: Goods) -> bool:
    """Whether a stock holds all these goods."""
    return all(map(ge, stock, goods))


def worth(stock: Sequence[int], values: Sequence[int]) -> int:
    """The value of a stock to a player."""
    return sum(map(mul, stock, values))


def read_offer(text: str) -> Offer | None:
    """The offer that a string such as "Offer: 3 Sheep, 2 Ore -> 5 Brick" makes.

    None if it is no offer, gives or wants nothing, or has a resource on both sides.
    """
    found = OFFER.fullmatch(text)
    gives, wants = (_read_goods(found[1]), _read_goods(found[2])) if found else (None, None)
    if gives is None or wants is None or any(g and w for g, w in zip(gives, wants, strict=True)):
        return None
    return Offer(gives, wants)


@lru_cache(maxsize=4_096)
def read_action(action: str) -> tuple[str, str, Offer | None]:
    """(word, message, offer): what a text says in one of the plain words or as an offer, and the words around it."""
    command, message = split_message(action)
    return command.lower() if command.isascii() else "", message, read_offer(command)


def split_message(action: str) -> tuple[str, str]:
    """(command, message): the one bracketed part and the words around it, or the whole text as the command.

    A text with several bracketed parts has no command, for nothing says which one is meant.
    """
    parts = BRACKETED.findall(action)
    if not parts:
        return " ".join(action.strip(BLANKS).split(" ")), ""
    if len(parts) > 1:
        return "", ""
    words = "".join(mark if " " <= mark <= "~" else " " for mark in BRACKETED.sub(" ", action))
    return parts[0].strip(BLANKS), " ".join(words.replace("[", " ").replace("]", " ").split())


def _read_goods(text: str) -> Goods | None:
    counts = [0] * len(RESOURCES)
    for item in text.split(","):
        found = ITEM.fullmatch(item.strip(BLANKS))
        at = INDEX.get(found[2].lower()) if found else None
        if found is None or at is None:
            return None
        counts[at] += int(found[1])
    return tuple(counts) if any(counts) else None


@lru_cache(maxsize=1_000)
def _single(at: int, count: int) -> Goods:
    return tuple(count if index == at else 0 for index in range(len(RESOURCES)))


_SWAPS = [
    (give, count, want, price)
    for give in range(len(RESOURCES))
    for want in range(len(RESOURCES))
    if give != want
    for count in MENU_QUANTITIES
    for price in MENU_QUANTITIES
]
MENU = tuple(Offer(_single(give, count), _single(want, price)) for give, count, want, price in _SWAPS)
"""Offers of one resource for another: the discrete view's actions after accept, deny and pass."""
_GIVES = np.array([give for give, _, _, _ in _SWAPS])
_COUNTS = np.array([count for _, count, _, _ in _SWAPS])


class Trader:
    """One side: its stock, its private values, and what follows from them until the next trade."""

    __slots__ = ("_start", "gain", "goods", "stock", "suggested", "values")

    def __init__(self, stock: list[int], values: list[int], gain: int = 0) -> None:
        """`gain`: what it has gained before."""
        self.stock, self.values = stock, values
        self._start = worth(stock, values) - gain
        self._look()

    def __deepcopy__(self, memo: dict[int, object]) -> Trader:
        """Its parts are replaced and never changed, so the copy has the same ones."""
        return copy(self)

    def trade(self, gets: Goods, gives: Goods) -> None:
        """Exchange goods."""
        self.stock = [have + get - give for have, get, give in zip(self.stock, gets, gives, strict=True)]
        self._look()

    def _look(self) -> None:
        stock = zip(self.stock, RESOURCES, self.values, strict=True)
        self.goods = ", ".join([f"{count} {name} at {value}" for count, name, value in stock])
        self.gain = worth(self.stock, self.values) - self._start
        self.suggested = suggestions(self.stock, self.values)


def menu_mask(stock: Sequence[int]) -> NDArray[np.int8]:
    """[len(MENU)]: 1 for the offers of the menu that the stock can pay."""
    mask: NDArray[np.int8] = (np.array(stock)[_GIVES] >= _COUNTS).astype(np.int8)
    return mask


def suggestions(stock: Sequence[int], values: Sequence[int]) -> tuple[str, ...]:
    """A few offers that the player can pay and gains from: for each resource but its cheapest, a low price for one."""
    owned = [at for at, count in enumerate(stock) if count]
    if not owned:
        return ()
    give = min(owned, key=values.__getitem__)
    have, value = stock[give], values[give]
    prices = [(worth - 1) // value for worth in values]
    return tuple(
        [_suggestion(give, min(price, have), want) for want, price in enumerate(prices) if want != give and price > 0]
    )


@lru_cache(maxsize=10_000)
def _suggestion(give: int, price: int, want: int) -> str:
    return f"offer: {Offer(_single(give, price), _single(want, 1))}"
