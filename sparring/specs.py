"""Specs: a name with its argument and options in one word that no shell touches.

    KuhnPoker:illegal=spiral        OpenSpiel:game=nim        tree-of-code:smollm2:width=3        constant:bet/call

Parts are separated by colons. The first part that reads `option=value` begins the options: a part without `option=`
belongs to the value before it (`url=http://localhost:8000/v1`). What stands between the name and the options is the
argument, colons included.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from os import PathLike
from typing import Literal, Union, Unpack, get_args, get_origin, is_typeddict

OPTION = re.compile(r"[a-zA-Z_]\w*=")
ARGUMENT = "argument"
"""The parameter of an agent's builder that takes what follows the colon."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec taken apart."""

    name: str
    argument: str | None
    options: Mapping[str, str]


class UnexpectedOption(ValueError, TypeError):
    """A keyword argument that there is not. It has Python's type and words, by which TorchRL knows to try again."""


def parse_spec(text: str) -> Spec:
    """Take a spec apart. Raises ValueError for an option that is given twice, TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"a name must be text, such as 'random', got {text!r:.80}")
    name, *parts = text.split(":")
    argument: list[str] = []
    options: dict[str, str] = {}
    for part in parts:
        option, _, value = part.partition("=")
        if OPTION.match(part):
            if option in options:
                raise ValueError(f"{option} is given twice in {text!r}")
            options[option] = value
        elif options:
            options[next(reversed(options))] += f":{part}"
        else:
            argument.append(part)
    return Spec(name, ":".join(argument) if argument else None, options)


def spec_of(name: str, options: Mapping[str, object]) -> str:
    """The inverse of `parse_spec`: a name with its options in one word."""
    return name + "".join(f":{option}={value}" for option, value in sorted(options.items()))


def typed_options(what: str, build: Callable[..., object], given: Mapping[str, str]) -> dict[str, object]:
    """The options with the types that a builder wants. Raises ValueError naming what would be right."""
    known = require_options(what, build, given)
    return {option: _converted(f"{option} of {what}", value, known[option]) for option, value in given.items()}


def read_options(what: str, build: Callable[..., object], given: Mapping[str, str]) -> dict[str, object]:
    """As `typed_options`; what a builder hands on without naming it is read by what its text looks like."""
    known = dict(options_of(build))
    unnamed = {option: value for option, value in given.items() if option not in known and hands_on_anything(build)}
    named = {option: value for option, value in given.items() if option not in unnamed}
    return typed_options(what, build, named) | {option: literal(value) for option, value in unnamed.items()}


def require_names(what: str, build: Callable[..., object], names: Iterable[str]) -> None:
    """Raises UnexpectedOption for an option that a builder does not take, whatever its type."""
    declared, takes_anything = _declared(build)
    for option in names:
        if option not in declared and not takes_anything:
            takes = ", ".join(sorted(declared)) or "none"
            raise UnexpectedOption(
                f"{what} has no option {option!r}; it takes {takes} (unexpected keyword argument {option!r})"
            )


def require_values(what: str, build: Callable[..., object], given: Mapping[str, object]) -> None:
    """As `typed_options`, of options that a caller in Python gives as values. Raises ValueError.

    A type that cannot be written as text, such as an object's, is left to the builder.
    """
    declared, _ = _declared(build)
    for option, value in given.items():
        hint = declared.get(option)
        wanted = _kinds(hint)
        if wanted and len(wanted) == len(_members(hint)) and not any(_is_of(kind, value) for kind in wanted):
            words = " or ".join(_described(kind) for kind in wanted)
            raise ValueError(f"{option} of {what} must be {words}, got {value!r:.80}")


@lru_cache(maxsize=256)
def _declared(build: Callable[..., object]) -> tuple[Mapping[str, object], bool]:
    """The type of every parameter by its name, and whether others are taken too."""
    declared: dict[str, object] = {}
    takes_anything = True
    for function in _functions(build):
        try:
            parameters = inspect.signature(function).parameters
            hints = typing.get_type_hints(function)
        except (NameError, TypeError, ValueError):  # types that are there for checkers only, a builder written in C
            return {}, True
        takes_anything = False
        for name, parameter in parameters.items():
            if parameter.kind is not parameter.VAR_KEYWORD:
                declared.setdefault(name, hints.get(name))
            elif get_origin(hints.get(name)) is Unpack:
                declared |= typing.get_type_hints(get_args(hints[name])[0])
            else:
                takes_anything = True
        if not takes_anything:
            break  # what is declared is all that it hands on
    declared.pop("self", None)
    return declared, takes_anything


def hands_on_anything(build: Callable[..., object]) -> bool:
    """Whether a function, or the last of a class's constructors, takes options that it does not name."""
    functions = [function for function in _functions(build) if inspect.isfunction(function)]
    if not functions:
        return False
    hints = typing.get_type_hints(functions[-1])
    parameters = inspect.signature(functions[-1]).parameters.values()
    return any(one.kind is one.VAR_KEYWORD and not any(_unpacked(hints.get(one.name))) for one in parameters)


def literal(value: str) -> object:
    """An option whose type nobody declares: a number, true, false, none, else text."""
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return words[value.lower()]
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def require_options(what: str, build: Callable[..., object], names: Iterable[str]) -> dict[str, object]:
    """The type of every option that a builder knows. Raises ValueError for a name that is none of them."""
    known = dict(options_of(build))
    for option in names:
        if option not in known:
            may = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise ValueError(f"{what} has no option {option!r}; {may}")
    return known


def options_of(build: Callable[..., object]) -> Iterator[tuple[str, object]]:
    """(name, type) of every option that can be written as text."""
    for function in _functions(build):
        hints = typing.get_type_hints(function)
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                yield from _unpacked(hints.get(name))
            elif (
                parameter.kind is not parameter.POSITIONAL_ONLY
                and name not in ("self", ARGUMENT)
                and _readable(hints.get(name))
            ):
                yield name, hints[name]


def _functions(build: Callable[..., object]) -> list[Callable[..., object]]:
    """What takes the options: the function, or the constructors of a class and of those that it hands them on to."""
    if not isinstance(build, type):
        return [build]
    found: list[Callable[..., object]] = []
    for owner in build.__mro__:
        constructor = vars(owner).get("__init__")
        if inspect.isfunction(constructor):
            found.append(constructor)
            if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(constructor).parameters.values()):
                break
    return found


def _unpacked(hint: object) -> Iterator[tuple[str, object]]:
    if get_origin(hint) is Unpack and is_typeddict(get_args(hint)[0]):
        yield from (item for item in typing.get_type_hints(get_args(hint)[0]).items() if _readable(item[1]))


def _readable(hint: object) -> bool:
    """Whether some value can be written as text; an object that may be given instead is for callers in Python."""
    return any(kind is not type(None) for kind in _kinds(hint))


def _kinds(hint: object) -> tuple[object, ...]:
    """What of a type can be written as text."""
    return tuple(
        kind for kind in _members(hint) if get_origin(kind) is Literal or kind in (int, float, str, bool, type(None))
    )


def _members(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_of(kind: object, value: object) -> bool:
    """Whether a value is of a kind; True and False are no numbers, and which text of several is right others say."""
    if get_origin(kind) is Literal:
        return any(type(value) is type(one) for one in get_args(kind))
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str | PathLike)
    return isinstance(value, kind) if isinstance(kind, type) else False


def _converted(what: str, text: str, hint: object) -> object:
    for kind in _kinds(hint):
        try:
            return _as(kind, text)
        except ValueError:
            continue
    wanted = " or ".join(_described(kind) for kind in _kinds(hint))
    raise ValueError(f"{what} must be {wanted}, got {text!r}")


def _as(kind: object, text: str) -> object:
    """The text as a value of that type. Raises ValueError where it is none."""
    words: Mapping[str, object] = {}
    if get_origin(kind) is Literal:
        words = {str(value): value for value in get_args(kind)}
    elif kind in (bool, type(None)):
        words, text = {"true": True, "false": False} if kind is bool else {"none": None}, text.lower()
    elif isinstance(kind, type):
        return kind(text)
    if text not in words:
        raise ValueError
    return words[text]


def _described(kind: object) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    names: Mapping[object, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(kind, "none")
