"""Is an answer right: exact match, contains and F1, with the normalisation of SQuAD (arXiv 1606.05250) and one change.

SQuAD lowers the case, takes punctuation out and drops the articles a, an, the. Taking punctuation out glues a hyphen's
two words together, so that "Campbell-Bannerman" is not "Campbell Bannerman" (SIM-RAG's labels have such errors). Here a
text has two forms, one with the punctuation taken out and one with a blank in its place, and texts are equal when they
share one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST_CHARACTERS = 10_000
"""Of an answer; what comes after is not looked at."""
ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True, slots=True)
class Score:
    """An answer beside the right ones; each 0 to 1."""

    em: float
    """Exact match: 1 where the answer is one of them."""
    contains: float
    """1 where one of them stands in the answer, word for word."""
    f1: float
    """The harmonic mean of precision and recall over words, the best over the right answers."""


def score(answer: str, answers: Iterable[str]) -> Score:
    """The scores of an answer; all 0 where there is no right one."""
    said = forms(answer)
    pairs = [(one, gold) for gold in answers for one, gold in _pairs(said, forms(gold)) if gold]
    return Score(
        em=float(any(one == gold for one, gold in pairs)),
        contains=float(any(f" {gold} " in f" {one} " for one, gold in pairs)),
        f1=max((f1_of(one, gold) for one, gold in pairs), default=0.0),
    )


@lru_cache(maxsize=4_096)
def forms(text: str) -> tuple[str, str]:
    """A text normalised, with punctuation taken out as in SQuAD, and with a blank in its place."""
    lowered = unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).lower()
    marks = {character for character in set(lowered) if is_mark(character)}
    return (
        _without_articles(lowered.translate({ord(mark): None for mark in marks})),
        _without_articles(lowered.translate({ord(mark): " " for mark in marks})),
    )


def f1_of(one: str, gold: str) -> float:
    """F1 over the words of two normalised texts."""
    said, right = Counter(one.split()), Counter(gold.split())
    shared = (said & right).total()
    return 2.0 * shared / (said.total() + right.total()) if shared else 0.0


def is_mark(character: str) -> bool:
    """Whether a character is punctuation, or one of the ASCII signs that SQuAD takes out."""
    return unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"


def _pairs(said: tuple[str, str], gold: tuple[str, str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for one in dict.fromkeys(said) for other in dict.fromkeys(gold))


def _without_articles(text: str) -> str:
    return " ".join(ARTICLES.sub(" ", text).split())
