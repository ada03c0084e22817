"""Options whose values are separated by commas: those whose setting is a tuple."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

Lists = Mapping[str, object]
"""Option -> type of each of its values."""
NUMBERS: Mapping[object, tuple[str, str]] = {
    int: ("whole numbers", r"[+-]?[0-9]+"),
    float: ("numbers", r"[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]+)?"),
}
"""Of a type: what its values are called, and how each is written."""


def lists_of(settings: type) -> Lists:
    """The options of a dataclass of settings that take several values, by their names and their aliases."""
    hints, found = get_type_hints(settings, include_extras=True), dict[str, object]()
    for field in fields(settings):
        hint = hints[field.name]
        kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if get_origin(kind) is tuple:
            for option in (f"--{field.name.replace('_', '-')}", *_aliases(notes)):
                found[option] = get_args(kind)[0]
    return found


def split_lists(argv: Sequence[str], lists: Lists) -> list[str]:
    """`--games A,B` and `--games=A,B` as `--games A B`."""
    words: list[str] = []
    for before, word in zip(["", *argv], argv, strict=False):
        option, equals, value = word.partition("=")
        if equals and _dashed(option) in lists:
            words += [option, *value.split(",")]
        else:
            words += word.split(",") if _dashed(before) in lists else [word]
    return words


def what_is_wrong(option: str, given: Sequence[str], lists: Lists) -> str:
    """Why the values of an option cannot be read: what they must be, and the first that is something else."""
    called, written = NUMBERS.get(lists.get(option), NUMBERS[float])
    wrong = next((word for word in given if not re.fullmatch(written, word)), ",".join(given))
    return f"{option} must be {called}, separated by commas, got {wrong!r} in {','.join(given)}"


def _dashed(option: str) -> str:
    """As tyro takes it: `--game_weights` is `--game-weights`."""
    return option.replace("_", "-") if option.startswith("--") else option


def _aliases(notes: Sequence[Any]) -> list[str]:
    """Those that an option has beside its name."""
    return [alias for note in notes for alias in getattr(note, "aliases", None) or ()]
