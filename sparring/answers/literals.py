"""Literals without an evaluator: Python's and JSON's plain values, read by one tokeniser and one stack.

Numbers, strings, True/true, False/false, None/null, lists, tuples, dicts, sets; no names, calls or operators. Cost is
linear in the text, memory too, and nesting takes no recursion.
"""

from __future__ import annotations

import re

MAX_LENGTH = 10_000
"""Characters; longer text is not looked into."""
MAX_DEPTH = 50
"""Brackets inside each other."""
MAX_DIGITS = 1_000
"""Of one whole number; more are text."""

WORDS: dict[str, object] = {
    "True": True,
    "true": True,
    "False": False,
    "false": False,
    "None": None,
    "null": None,
    "nan": float("nan"),
    "NaN": float("nan"),
    "inf": float("inf"),
    "Infinity": float("inf"),
    "-inf": float("-inf"),
    "-Infinity": float("-inf"),
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0", "\n": ""}
CLOSING = {"[": "]", "(": ")", "{": "}"}

NUMBER = re.compile(r"([+-]?)(\d+(?:_\d+)*|\d{1,3}(?:,\d{3})+)?(\.\d*)?([eE][+-]?\d{1,4})?", re.ASCII)
TOKEN = re.compile(
    r"""\s*(?:
        (?P<mark>[\[\](){}:,])
      | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
      | (?P<atom>[^\s\[\](){}:,'"]+)
    )\s*""",
    re.VERBOSE | re.DOTALL,
)
SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)


class MalformedLiteral(ValueError):
    """The text is no literal, or one beyond the caps."""


def number(text: str) -> int | float | None:
    """The number that a text writes, digits grouped by commas or underscores allowed; None where it writes none."""
    found = NUMBER.fullmatch(text) if len(text) <= MAX_DIGITS else None
    if found is None or not (found[2] or len(found[3] or "") > 1):
        return None
    plain = text.replace(",", "").replace("_", "")
    return int(plain) if found[3] is None and found[4] is None else float(plain)


def parse_literal(text: str) -> object:
    """The value of a literal; several of them, separated by commas, are a tuple. Raises MalformedLiteral, only."""
    if len(text) > MAX_LENGTH:
        raise MalformedLiteral(f"a literal must be at most {MAX_LENGTH} characters long, got {len(text)}")
    stack = [_Open("")]
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        if token is None:
            raise MalformedLiteral(f"unexpected {text[position : position + 10]!r}")
        position = token.end()
        _take(stack, token)
    if len(stack) != 1:
        raise MalformedLiteral(f"{stack[-1].bracket} is never closed")
    return stack[0].value()


def _take(stack: list[_Open], token: re.Match[str]) -> None:
    mark = token["mark"]
    if mark is None:
        stack[-1].add(_unquoted(token["string"]) if token["string"] else _atom(token["atom"]))
    elif mark in CLOSING:
        if len(stack) > MAX_DEPTH:
            raise MalformedLiteral(f"a literal must nest at most {MAX_DEPTH} deep")
        stack.append(_Open(mark))
    elif mark in "])}":
        closed = stack.pop()
        if CLOSING.get(closed.bracket) != mark:
            raise MalformedLiteral(f"{mark} closes nothing")
        stack[-1].add(closed.value())
    else:
        stack[-1].separate(mark)


class _Open:
    """A bracket that is still open, and what stands in it so far; the whole text counts as one."""

    __slots__ = ("bracket", "colons", "commas", "items", "wants_item")

    def __init__(self, bracket: str) -> None:
        self.bracket = bracket
        self.items: list[object] = []
        self.commas = self.colons = 0
        self.wants_item = True

    def add(self, item: object) -> None:
        if not self.wants_item:
            raise MalformedLiteral("two values without a comma between them")
        self.items.append(item)
        self.wants_item = False

    def separate(self, mark: str) -> None:
        if self.wants_item:
            raise MalformedLiteral(f"no value before {mark!r}")
        if mark == ":":
            self.colons += 1
            if self.bracket != "{" or self.colons != self.commas + 1:
                raise MalformedLiteral("a colon outside of a dict")
        else:
            self.commas += 1
            if self.colons and self.colons != self.commas:
                raise MalformedLiteral("a key without a value")
        self.wants_item = True

    def value(self) -> object:
        if self.bracket == "[":
            return self.items
        if self.bracket == "{":
            return self._dict() if self.colons or not self.items else frozenset(map(_hashable, self.items))
        if self.bracket == "" and not self.items:
            raise MalformedLiteral("nothing there")
        return self.items[0] if len(self.items) == 1 and not self.commas else tuple(self.items)

    def _dict(self) -> dict[object, object]:
        if len(self.items) != 2 * self.colons:
            raise MalformedLiteral("a key without a value")
        return {_hashable(key): item for key, item in zip(self.items[::2], self.items[1::2], strict=True)}


def _hashable(item: object) -> object:
    try:
        hash(item)
    except TypeError:
        raise MalformedLiteral(f"a {type(item).__name__} cannot be a key or a member of a set") from None
    return item


def _atom(text: str) -> object:
    if text in WORDS:
        return WORDS[text]
    value = number(text)
    if value is None:
        raise MalformedLiteral(f"unknown word {text[:20]!r}")
    return value


def _unquoted(token: str) -> str:
    text = ESCAPE.sub(_unescaped, token[1:-1])
    return SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] in "uUx" and len(code) > 1:
        point = int(code[1:], 16)
        return chr(point) if point < 0x110000 else escape[0]
    if code in ESCAPES:
        return ESCAPES[code]
    return code if code in "\\'\"/" else escape[0]
