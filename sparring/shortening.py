"""Long texts for readers with little room: the beginning and the end, and a mark between."""

from __future__ import annotations

LEFT_OUT = " [...] "


def shortened(text: str, most: int, mark: str = LEFT_OUT) -> str:
    """The text where it has at most `most` characters; else its beginning and its end, of together as many."""
    if len(text) <= most:
        return text
    half = (most - len(mark)) // 2
    return text[:half] + mark + text[-half:]
