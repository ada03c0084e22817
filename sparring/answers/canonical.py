"""Answers as values: one canonical, typed form for every way to write the same answer.

    canonical("[36380.0, 2]") == canonical("(36380, 2)") == canonical("36380, 2")     a sequence of two numbers
    canonical_key("$1,234.50") == canonical_key("1234.5") == "1234.5"                 what a vote counts
    matches("0.30000000000000004", 0.3, absolute=1e-6)                                what a grader asks

What counts as the same, decided once:
- blanks around an answer, one pair of backticks or of `**` and one code fence around it do not matter;
- numbers: 2, 2.0 and 2e0 are one number; commas may group digits in threes, a currency sign ($, €, £) may lead.
  A percent sign or a unit makes it text: 12% could be 12 or 0.12, and nothing ambiguous is guessed;
- True and true, None and null are values; bool is not a number. yes and no are text: a task that wants a bool says so;
- Python and JSON literals are values: lists and tuples are both sequences, dicts and sets have no order;
- anything else is text, runs of blanks as one, its case kept; one pair of quotes around it does not matter.
Nothing is evaluated. Text longer than `MAX_LENGTH`, or nested deeper than `MAX_DEPTH`, is text and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sparring.answers.literals import MAX_DEPTH, MAX_LENGTH, MalformedLiteral, number, parse_literal

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "canonical", "canonical_key", "equal", "matches", "text_of"]

SIGNIFICANT_DIGITS = 10
"""Numbers that agree in so many digits get one vote."""
CURRENCY = re.compile(r"^([+-]?)[$€£]\s?")
WRAPPERS = ("**", "`")


def canonical(text: str) -> object:
    """What an answer text stands for: None, bool, int, float, str, list, tuple, dict or frozenset. Never raises."""
    if len(text) > MAX_LENGTH:
        return text
    bare = _unwrapped(text)
    value = number(CURRENCY.sub(r"\1", bare, count=1))
    if value is not None:
        return value
    try:
        return parse_literal(bare)
    except MalformedLiteral:
        return text_of(text)


def canonical_key(text: str) -> str:
    """One string per value: equal answers have equal keys, whatever their rendering. "" for an empty answer."""
    if len(text) > MAX_LENGTH:
        return "text:" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return "" if not text.strip() else _key(canonical(text))


def matches(text: str, gold: object, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether an answer text stands for `gold`.

    absolute, relative: how far a number may lie from a float in `gold` (either suffices); ints must be exact.
    A gold string is compared with the text itself, so that an answer of "0042" is not taken for a number.
    """
    if isinstance(gold, str):
        value = canonical(text)
        return text_of(text) == _blanks_as_one(gold) or (isinstance(value, str) and value == gold)
    return equal(canonical(text), gold, absolute, relative)


def equal(value: object, gold: object, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether a canonical value equals a gold value: types first, floats in `gold` with tolerance."""
    if isinstance(gold, bool) or gold is None:
        return value is gold
    if isinstance(gold, int | float):
        return _equal_numbers(value, gold, absolute, relative)
    if isinstance(gold, str):
        return isinstance(value, str) and (value == gold or _blanks_as_one(value) == _blanks_as_one(gold))
    if isinstance(gold, list | tuple):
        if not isinstance(value, list | tuple) or len(value) != len(gold):
            return False
        return all(equal(one, other, absolute, relative) for one, other in zip(value, gold, strict=True))
    if isinstance(gold, Mapping):
        if not isinstance(value, Mapping) or len(value) != len(gold):
            return False
        by_key = {_key(name): item for name, item in value.items()}
        return all(_key(name) in by_key and equal(by_key[_key(name)], gold[name], absolute, relative) for name in gold)
    if isinstance(gold, set | frozenset):
        return isinstance(value, set | frozenset) and _key(value) == _key(gold)
    raise TypeError(f"gold must be plain data, got {type(gold).__name__}")


def text_of(text: str) -> str:
    """An answer read as text: without wrapping, without one pair of quotes, runs of blanks as one."""
    bare = _unwrapped(text)
    if len(bare) > 1 and bare[0] in "'\"" and bare[-1] == bare[0] and bare[0] not in bare[1:-1]:
        bare = bare[1:-1]
    return _blanks_as_one(bare)


def _equal_numbers(value: object, gold: int | float, absolute: float, relative: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(gold, int):
        return value == gold
    if math.isnan(gold) or (isinstance(value, float) and math.isnan(value)):
        return math.isnan(gold) and math.isnan(value)
    try:
        return value == gold or math.isclose(value, gold, rel_tol=relative, abs_tol=absolute)
    except OverflowError:
        return False


def _unwrapped(text: str) -> str:
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```") and len(bare) >= 6:
        head, line_break, body = bare[3:-3].partition("\n")
        bare = (body if line_break and head.strip().isalnum() else bare[3:-3]).strip()
    for mark in WRAPPERS:
        inner = bare[len(mark) : -len(mark)]
        if len(bare) > 2 * len(mark) and bare == f"{mark}{inner}{mark}" and mark not in inner:
            return inner.strip()
    return bare


def _blanks_as_one(text: str) -> str:
    return " ".join(text.split())


def _key(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return _number_key(value)
    if isinstance(value, str):
        return json.dumps(_blanks_as_one(value))
    if isinstance(value, Mapping):
        pairs = sorted(f"{_key(name)}:{_key(item)}" for name, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, set | frozenset):
        return "set(" + ",".join(sorted(map(_key, value))) + ")"
    return "[" + ",".join(map(_key, value)) + "]"


def _number_key(value: int | float) -> str:
    if isinstance(value, int) or (math.isfinite(value) and value.is_integer() and abs(value) < 2**53):
        return str(int(value))
    return f"{value:.{SIGNIFICANT_DIGITS}g}"
