"""Text as the words that are indexed, and nothing else: no stop words, no stems, so that each query means what it says.

The rules are a part of every index: `RULES` stands in its manifest, and must change when they do.
"""

from __future__ import annotations

import re
import unicodedata

RULES = "words-1: NFKD, accents off, case folded, letters and digits; the first 4096 characters of a query"
MOST_CHARACTERS = 4096
"""Of a query that are read; what follows is not. A query of 1 MB costs what one of 4 KB does."""
WORD = re.compile(r"[^\W_]+")
ACCENTS = dict.fromkeys(range(0x300, 0x370))


def words_of(text: str) -> list[str]:
    """The words of a text in order, lower case, without accents; numbers are words.

    A run of letters is one word, so languages without spaces are not cut into theirs.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(ACCENTS)
    return WORD.findall(text.casefold())


def words_of_query(text: str) -> list[str]:
    """The words of the first `MOST_CHARACTERS` of a query."""
    return words_of(text[:MOST_CHARACTERS])
