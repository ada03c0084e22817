"""How alike two texts are: ROUGE-L (Lin 2004), the F-measure of their longest common subsequence of words.

    rouge_l("the cat sat", "the cat stood") == 2 / 3

Words are runs of letters and digits, in lower case, not stemmed; a text without any is compared by its characters.
Pure functions of text: nothing raises, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_WORDS = 2_000
"""Of a text; what follows is not compared."""


def rouge_l(first: str, second: str) -> float:
    """From 0, nothing in common, to 1, the same words in the same order. Two empty texts are the same."""
    a, b = _words(first), _words(second)
    if not a or not b:
        return float(a == b)
    return 2 * longest_common(a, b) / (len(a) + len(b))


def agreement(texts: Sequence[str]) -> list[float]:
    """For each text its mean ROUGE-L with the others; 0 where there are none."""
    others = len(texts) - 1
    return [
        sum(rouge_l(text, other) for place, other in enumerate(texts) if place != own) / others if others else 0.0
        for own, text in enumerate(texts)
    ]


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, exact: a row of the table is one whole number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()


def _words(text: str) -> list[str]:
    short = text[: 20 * MOST_WORDS].lower()
    return (re.findall(r"\w+", short) or list("".join(short.split())))[:MOST_WORDS]
