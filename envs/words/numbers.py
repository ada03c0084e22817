"""Words of numbers: one by one, or by the parts that a number is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gymnasium import spaces

LONGEST_WORD = 200
"""Characters."""


class UnfitWords(ValueError):
    """A table of words that cannot be used: it is no such table, or does not fit the environment."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Words of the numbers of a discrete space."""

    words: Mapping[int, str] = field(default_factory=dict)
    parts: tuple[tuple[str, ...], ...] = ()
    """A number counts through these lists as the hands of a clock do, the last list fastest: its word is a word of
    each. Of a board of 2 rows and 3 columns the number 4 is the second row's second column."""
    join: str = ", "
    """What stands between the words of the parts."""

    def __bool__(self) -> bool:
        return bool(self.words or self.parts)

    def word(self, number: int) -> str:
        """The word of a number; the number itself where the table has none. Numbers of parts count from 0."""
        if not self.parts:
            return self.words.get(number, str(number))
        chosen: list[str] = []
        for part in reversed(self.parts):
            number, place = divmod(number, len(part))
            chosen.append(part[place])
        return self.join.join(reversed(chosen)).strip()

    def require_all(self, place: str, space: spaces.Discrete) -> None:
        """Raises UnfitWords for a number of the space that has no word."""
        missing = [number for number in range(int(space.start), int(space.start + space.n)) if number not in self.words]
        if not self.parts and missing:
            raise UnfitWords(f"{place}: {missing[0]} has no word, and every action needs one")

    def require_fits(self, place: str, space: object) -> None:
        """Raises UnfitWords for a number that the space does not have, or parts that make more or fewer numbers."""
        if not self:
            return
        if not isinstance(space, spaces.Discrete):
            raise UnfitWords(f"{place}: only discrete numbers have words, and this is {space}")
        first, last = int(space.start), int(space.start + space.n) - 1
        for number in self.words:
            if not first <= number <= last:
                raise UnfitWords(f"{place}: there is no {number}, the numbers are {first} to {last}")
        made = math.prod(map(len, self.parts))
        if self.parts and (made != int(space.n) or first):
            raise UnfitWords(
                f"{place}: parts must make the {int(space.n)} numbers from {first}, they make {made} from 0"
            )


NO_WORDS = Numbers()
