"""What callers hand over at the front door: a value of another kind than the wanted one is one line, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
PLAIN = (str, bytes, bool, int, float, type(None))
"""Values that are shown as they are; of others the type says enough."""


def require_kind(what: str, value: object, kind: type | tuple[type, ...], words: str) -> None:
    """Raises TypeError: WHAT must be WORDS, got the value. True and False are no numbers."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{what} must be {words}, got {shown(value)}")


def require_each(what: str, values: Iterable[T], kind: type, words: str) -> Iterator[T]:
    """The values, as they are asked for. Raises TypeError where they are none, and at the first of another kind."""
    if isinstance(values, (str, bytes, kind)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a list, each {words}, got {shown(values)}")
    return _checked(what, values, kind, words)


def _checked(what: str, values: Iterable[T], kind: type, words: str) -> Iterator[T]:
    for place, value in enumerate(values):
        if not isinstance(value, kind):
            raise TypeError(f"{what}[{place}] must be {words}, got {shown(value)}")
        yield value


def shown(value: object) -> str:
    """A value in a few words."""
    if isinstance(value, PLAIN):
        return f"{value!r:.80}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a value of type {type(value).__name__}"
