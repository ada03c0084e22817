"""Signals that the model can compute: what is longer than its context is left out, and counted."""

from __future__ import annotations

from collections.abc import Iterable

from sparring.trainers.batch import Signal


def that_fit(signals: Iterable[Signal], context: int) -> tuple[list[Signal], int]:
    """The signals whose samples a context of so many tokens holds, and how many were left out.

    A pair is left out whole where one of its samples is too long. The last token of a sample is no input.
    """
    given = list(signals)
    broken = {one.pair for one in given if one.pair and len(one.tokens) - 1 > context}
    kept = [one for one in given if len(one.tokens) - 1 <= context and one.pair not in broken]
    return kept, len(given) - len(kept)
