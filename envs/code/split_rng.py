"""The random generator of generated tasks, and what keeps training and held-out tasks apart.

Every name and word that a task is made of belongs to one split, by a hash of the word itself. A task of one split draws
from that split's words alone, so that no table, page, message or sequence of one split can occur in the other.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar, get_args

from sparring.types import derive_seed

Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)
T = TypeVar("T")

ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
ENDINGS = ("n", "r", "l", "s", "th", "nd", "x", "m")
VOCABULARY = (
    "anchor apple arrow autumn bakery basket beacon bitter blanket border bottle branch bridge bronze button cabin "
    "candle canvas carbon castle cedar cellar chapel cherry circle clever clouds cobalt coffee copper corner cotton "
    "cousin crater cradle curtain dagger dancer daring delta desert dinner doctor donkey dragon driver eagle early "
    "ember empty engine escape fabric falcon farmer feather fiddle finger flower forest fossil fountain galaxy garden "
    "garlic gentle ginger glacier golden granite guitar hammer harbor harvest hidden hollow honest hunter island ivory "
    "jacket jungle kettle kitten ladder lagoon lantern lemon letter lizard lumber magnet mantle marble meadow melon "
    "mirror monkey morning mountain muffin napkin narrow needle nickel night number oasis ocean office olive orange "
    "orchard oyster paddle palace paper parrot pebble pepper pigeon pillow planet pocket potato prairie quarry quiet "
    "rabbit ribbon river rocket saddle salmon sailor secret shadow shelter silver simple singer spider spring square "
    "stable stone summer sunset table tailor temple thunder ticket timber tower trumpet tunnel turtle valley velvet "
    "village violet voyage walnut warden water whisper willow window winter wonder yellow zipper"
)
WORDS = tuple(VOCABULARY.split())


def split_of(word: str) -> Split:
    """The split that a word belongs to; about half of all words belong to each."""
    return SPLITS[hashlib.blake2b(word.lower().encode(), digest_size=1).digest()[0] & 1]


class SplitRng:
    """A random generator that knows its split. Equal parts give equal values, on every machine."""

    def __init__(self, split: Split, *parts: object) -> None:
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        self.split: Split = split
        self._random = random.Random(derive_seed(split, *parts))
        self._given: set[str] = set()

    def integer(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return self._random.randint(low, high)

    def number(self, low: float, high: float, digits: int) -> float:
        """A decimal number with so many digits after the point."""
        scale = float(10**digits)
        return self._random.randint(round(low * scale), round(high * scale)) / scale

    def one(self, items: Sequence[T]) -> T:
        """One of them."""
        return self._random.choice(items)

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in random order."""
        return self._random.sample(items, count)

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """`count` different ones, so that no two of them tie."""
        return self._random.sample(range(low, high + 1), count)

    def word(self) -> str:
        """A plain English word of the split."""
        return self._owned(lambda: self.one(WORDS))

    def sentence(self, words: int) -> str:
        """Words of the split, in lower case."""
        return " ".join(self.word() for _ in range(words))

    def name(self) -> str:
        """A made-up name of the split, as of a city or a person; never the same twice from one generator."""
        while (name := self._owned(self._any_name)) in self._given:
            pass
        self._given.add(name)
        return name

    def names(self, count: int) -> list[str]:
        """`count` different names."""
        return [self.name() for _ in range(count)]

    def sequence(self, length: int, letters: str) -> str:
        """A string of so many of the letters, of the split."""
        return self._owned(lambda: "".join(self._random.choices(letters, k=length)))

    def code(self, prefix: str) -> str:
        """An identifier of the split, e.g. "AC-48213"; never the same twice from one generator."""
        while (code := self._owned(lambda: f"{prefix}-{self.integer(10_000, 99_999)}")) in self._given:
            pass
        self._given.add(code)
        return code

    def _any_name(self) -> str:
        syllables = "".join(self.one(ONSETS) + self.one(VOWELS) for _ in range(self.integer(1, 2)))
        return (syllables + self.one(ONSETS) + self.one(VOWELS) + self.one(ENDINGS)).capitalize()

    def _owned(self, make_word: Callable[[], str]) -> str:
        while split_of(word := make_word()) != self.split:
            pass
        return word


def listed(items: Iterable[str]) -> str:
    """Items as a question names them: "a, b and c"."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
