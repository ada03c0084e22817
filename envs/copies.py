"""Copies of environments in play, for searches that try actions out: what changes is copied, the rest is shared.

`copy.deepcopy` means the same and takes a hundred times as long: it looks into every text of every space.
"""

from __future__ import annotations

import copy
from typing import TypeVar

from gymnasium import spaces

FIXED = (type(None), bool, int, float, str, bytes, frozenset, type)
"""Kinds of values that nobody can change."""
T = TypeVar("T")


def twin(thing: T, memo: dict[int, object]) -> T:
    """The `__deepcopy__` of an object whose attributes are mostly tables of plain values."""
    other = object.__new__(type(thing))
    memo[id(thing)] = other
    vars(other).update({name: _copied(value, memo) for name, value in vars(thing).items()})
    return other


def _copied(value: object, memo: dict[int, object]) -> object:
    kind = type(value)
    if kind in FIXED:
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    if kind is dict:
        table: dict[object, object] = {}
        memo[id(value)] = table
        for key, item in value.items():  # type: ignore[attr-defined]
            table[key] = item if type(item) in FIXED else _copied(item, memo)
        return table
    if kind is list:
        row: list[object] = []
        memo[id(value)] = row
        row += [item if type(item) in FIXED else _copied(item, memo) for item in value]  # type: ignore[attr-defined]
        return row
    if kind is tuple and all(type(item) in FIXED for item in value):  # type: ignore[attr-defined]
        return value
    if isinstance(value, spaces.Space):
        return _space(value, memo)
    return copy.deepcopy(value, memo)


def _space(space: spaces.Space[object], memo: dict[int, object]) -> spaces.Space[object]:
    """A space with a generator of its own; bounds and letters never change."""
    other = object.__new__(type(space))
    memo[id(space)] = other
    vars(other).update(vars(space))
    if space._np_random is not None:
        other._np_random = copy.deepcopy(space._np_random)
    if isinstance(other, spaces.Dict):
        other.spaces = {name: _space(part, memo) for name, part in other.spaces.items()}
    return other
