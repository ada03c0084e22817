"""Numbers with their nouns: 1 game, 2 games."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """The noun as it follows that number: game, pass, query after 1; games, passes, queries after others."""
    if number == 1:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def number_of(number: int, noun: str) -> str:
    """The number, with commas between thousands, and the noun: 1 game, 2,000 games."""
    return f"{number:,} {plural(number, noun)}"
