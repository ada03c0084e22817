"""What the settings of the retrieval environments may be: each is checked once, and an error names rule and value."""

from __future__ import annotations

from collections.abc import Collection

from sparring.envs.retrieval.types import KINDS, Kind
from sparring.plurals import number_of

ANY_HOPS = range(1_000_000)


def kinds_of(kinds: str | None) -> tuple[Kind, ...]:
    """The kinds of "chain+comparison"; all for None. Raises ValueError."""
    if kinds is None:
        return KINDS
    wanted = [kind.strip() for kind in str(kinds).split("+")]
    for kind in wanted:
        if kind not in KINDS:
            raise ValueError(f"kinds must be some of {', '.join(KINDS)}, joined by '+', got {kinds!r}")
    return tuple(kind for kind in KINDS if kind in wanted)


def hops_of(hops: int | str | None) -> range:
    """The range of "2-4", or of one number; of any for None. Raises ValueError."""
    if hops is None:
        return ANY_HOPS
    low, _, high = str(hops).partition("-")
    if not (low.isdecimal() and (high or low).isdecimal()) or not 1 <= int(low) <= int(high or low):
        raise ValueError(f"hops must be a whole number >= 1 or a range such as '2-4', got {hops!r}")
    return range(int(low), int(high or low) + 1)


def hops_in_words(hops: range) -> str:
    """For messages: "2 to 4 hops"."""
    if hops == ANY_HOPS:
        return "any hops"
    return f"{hops.start} to {hops.stop - 1} hops" if len(hops) > 1 else number_of(hops.start, "hop")


def require_one_of(allowed: Collection[str], **values: object) -> None:
    """Raises ValueError for what is none of the words that are allowed."""
    for name, value in values.items():
        if value not in allowed:
            words = [repr(word) for word in allowed]
            rule = " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"
            raise ValueError(f"{name} must be {rule}, got {value!r}")


def require_whole(least: int, **values: int | None) -> None:
    """Raises ValueError for what is no whole number of at least that; None is left alone."""
    for name, value in values.items():
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}")


def require_prices(**values: float) -> None:
    """Raises ValueError for a cost that is negative, or no number."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a number >= 0, got {value!r}")
