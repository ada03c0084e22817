"""Infos of many games as one dict, in the format of Gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Info = dict[str, Any]
AS_THEY_ARE = ("final_obs",)
"""Kept one by one, whatever they are."""


def batched(infos: Sequence[Info]) -> Info:
    """Per key an array [number of games], and under `_key` a mask [number of games] of who has the key.

    Dicts are batched in the same way, numbers and arrays of one type and shape become arrays of that type (zero where
    there is none), and all else stands as it is in an array of objects (None where there is none).
    """
    together: Info = {}
    for key in dict.fromkeys([key for info in infos for key in info]):
        has = np.array([key in info for info in infos])
        together[key] = _column(key, [info[key] for info in infos if key in info], has)
        together[f"_{key}"] = has
    return together


def _column(key: str, values: list[Any], has: NDArray[np.bool_]) -> Info | NDArray[Any]:
    kinds = set(map(type, values))
    if key not in AS_THEY_ARE:
        if kinds == {dict}:
            rest = iter(values)
            return batched([next(rest) if held else {} for held in has])
        if kinds <= {int, float, bool} or all(issubclass(kind, np.number) for kind in kinds):
            return _spread(np.array(values), has)
        if kinds == {np.ndarray} and len({(value.shape, value.dtype) for value in values}) == 1:
            return _spread(np.array(values), has)
    column = np.full(len(has), None, object)
    for place, value in zip(np.flatnonzero(has), values, strict=True):
        column[place] = value
    return column


def _spread(values: NDArray[Any], has: NDArray[np.bool_]) -> NDArray[Any]:
    """An array [number of games, ...] with the values where somebody has one."""
    if len(values) == len(has):
        return values
    column = np.zeros((len(has), *values.shape[1:]), values.dtype)
    column[has] = values
    return column
