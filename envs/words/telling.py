"""How what an environment shows becomes text: by the words that a table gives, and in full where it gives none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sparring.content import content_of, shown
from sparring.envs.words.numbers import NO_WORDS, Numbers, UnfitWords

MASKED = {"observation", "action_mask"}
"""The two entries of an observation in PettingZoo's games with a mask."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Telling:
    """The words of an observation, or of one entry of it."""

    name: str = ""
    """What it is: it stands before the value."""
    numbers: Numbers = NO_WORDS
    """Of a discrete value."""
    names: tuple[str, ...] = ()
    """Of an array: what each number is, in order."""
    units: tuple[str, ...] = ()
    """Of an array: the unit of each number; none, or one a number."""
    marks: tuple[str, ...] = ()
    """Of a board [rows, columns, planes] of zeros and ones: the mark of each plane."""
    empty: str = "."
    """The mark of a place where every plane is 0."""
    of: Mapping[str, Telling] = field(default_factory=dict)
    """Of a dict or tuple: the words of its entries, by key or place."""

    def require_fits(self, place: str, space: object) -> None:
        """Raises UnfitWords where the space is of another kind or size."""
        space = without_mask(space)
        self.numbers.require_fits(place, space)
        shape = space.shape if isinstance(space, spaces.Box | spaces.MultiDiscrete) else None
        size = int(np.prod(shape)) if shape is not None else 0
        if self.names and size != len(self.names):
            raise UnfitWords(f"{place}: names must be one a number of {space}, got {len(self.names)}")
        if self.units and len(self.units) != len(self.names):
            raise UnfitWords(f"{place}: units must be as many as names ({len(self.names)}), got {len(self.units)}")
        if self.marks and (shape is None or len(shape) != 3 or shape[-1] != len(self.marks)):
            raise UnfitWords(f"{place}: marks must be one a plane of a board, got {len(self.marks)} for {space}")
        entries = dict(_entries(space))
        for key, telling in self.of.items():
            if key not in entries:
                known = f"the entries are {', '.join(entries)}" if entries else f"{space} has no entries"
                raise UnfitWords(f"{place}.of: there is no {key!r}, {known}")
            telling.require_fits(f"{place}.of.{key}", entries[key])

    def text(self, seen: object) -> str:
        """What is seen, in words."""
        said = self._value(_unmasked(seen))
        if not self.name:
            return said
        return f"{self.name}:\n{said}" if "\n" in said else f"{self.name}: {said}"

    def _value(self, seen: object) -> str:
        if self.numbers:
            return self.numbers.word(int(np.asarray(seen).item()))
        if self.of and isinstance(seen, Mapping | tuple):
            return "\n".join(self.of.get(key, Telling(key)).text(value) for key, value in _values(seen))
        if self.names:
            return "\n".join(_measured(np.asarray(seen).ravel(), self.names, self.units))
        if self.marks:
            return _board(np.asarray(seen), self.marks, self.empty)
        return "\n".join(map(shown, content_of(seen)))


NOTHING_SAID = Telling()


def without_mask(space: object) -> object:
    """The space of the observation itself, where it stands beside a mask."""
    masked = isinstance(space, spaces.Dict) and set(space.spaces) == MASKED
    return space.spaces["observation"] if masked and isinstance(space, spaces.Dict) else space


def drawing_of(drawn: object) -> str:
    """What an environment draws as text, without colours; "" where it draws something else, or nothing."""
    if not isinstance(drawn, str):
        return ""
    return "\n".join(line.rstrip() for line in COLOURS.sub("", drawn).strip("\n").split("\n"))


def _unmasked(seen: object) -> object:
    return seen["observation"] if isinstance(seen, Mapping) and set(seen) == MASKED else seen


def _entries(space: object) -> Iterator[tuple[str, object]]:
    if isinstance(space, spaces.Dict):
        yield from ((str(key), part) for key, part in space.spaces.items())
    elif isinstance(space, spaces.Tuple):
        yield from ((str(place), part) for place, part in enumerate(space.spaces))


def _values(seen: Mapping[str, object] | tuple[object, ...]) -> Iterator[tuple[str, object]]:
    pairs = seen.items() if isinstance(seen, Mapping) else enumerate(seen)
    yield from ((str(key), value) for key, value in pairs)


def _measured(numbers: NDArray[np.generic], names: tuple[str, ...], units: tuple[str, ...]) -> Iterator[str]:
    for place, (name, number) in enumerate(zip(names, numbers, strict=True)):
        unit = f" {units[place]}" if units and units[place] else ""
        yield f"{name}: {_digits(number)}{unit}"


def _digits(number: np.generic) -> str:
    """At full precision, so that different observations stay different."""
    if not isinstance(number, np.floating):
        return str(number.item())
    return np.format_float_positional(number, trim="-")


def _board(board: NDArray[np.generic], marks: tuple[str, ...], empty: str) -> str:
    """One line a row: the mark of the first plane that is not 0."""
    rows: list[str] = []
    for row in board:
        found = [next((mark for mark, on in zip(marks, place, strict=True) if on), empty) for place in row]
        rows.append(" ".join(found))
    return "\n".join(rows)
