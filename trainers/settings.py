"""The settings of a method: types and ranges are checked before anything is created, from Python and from a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sparring.store.run_files import CONFIG, RunError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ConfigT = TypeVar("ConfigT", bound="DataclassInstance")
RULES: Mapping[str, Callable[[float], bool]] = {
    ">= 20": lambda value: value >= 20,
    ">= 8": lambda value: value >= 8,
    ">= 2": lambda value: value >= 2,
    ">= 1": lambda value: value >= 1,
    ">= 0": lambda value: value >= 0,
    "> 0": lambda value: value > 0,
    "in [0, 1]": lambda value: 0 <= value <= 1,
    "in [0, 1)": lambda value: 0 <= value < 1,
}


def require_types(config_type: type, values: Mapping[str, object]) -> None:
    """Raises ValueError naming the first setting whose value has not the type of its field, or is `nan` or infinite."""
    for name, kind in get_type_hints(config_type).items():
        if name in values and not _fits(values[name], kind):
            raise ValueError(f"{name} must be {_described(kind)}, got {values[name]!r}")


def require_ranges(config: object, ranges: Mapping[str, str]) -> None:
    """Raises ValueError for the first setting that breaks its rule: name -> rule, a key of RULES. None is free."""
    for name, rule in ranges.items():
        value = getattr(config, name)
        if value is not None and not RULES[rule](value):
            raise ValueError(f"{name} must be {rule}, got {value}")


def restore(config_type: type[ConfigT], values: object, run: Path) -> ConfigT:
    """The settings in a run's `config.json`. Raises RunError where this version cannot use them."""
    file = run / CONFIG
    if not isinstance(values, dict):
        raise RunError(f"{file} is damaged: its settings are no JSON object; nothing was changed")
    names = {field.name for field in fields(config_type)}
    if unknown := sorted(set(values) - names):
        raise RunError(f"{run} has settings that this version does not know: {', '.join(unknown)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        require_types(config_type, values)
        return config_type(**values)
    except (ValueError, TypeError) as error:
        raise RunError(f"{file} cannot be used: {error}; nothing was changed") from error


def _fits(value: object, kind: object) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in arguments
    if origin in (Union, UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(item, arguments[0]) for item in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return not isinstance(kind, type) or isinstance(value, kind)


def _described(kind: object) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_described(argument) for argument in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {_described(get_args(kind)[0])}"
    names: dict[object, str] = {
        int: "a whole number",
        float: "a finite number",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(kind, str(kind))
