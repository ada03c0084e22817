"""Prompts for TRL's GRPOTrainer, a row for each seat of each task: the rows of a group are attempts of one seat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sparring.content import canonical_json
from sparring.exports.chats import opening
from sparring.exports.selection import Attempt, Selection
from sparring.exports.sources import question
from sparring.exports.writing import Row

NO_PROMPT = "without a prompt that is text"


def rows(selection: Selection) -> Iterator[Row]:
    """What was asked first, once for each task and seat."""
    return (row for _, row in questions(selection))


def questions(selection: Selection) -> Iterator[tuple[Attempt, Row]]:
    """The same with the first attempt that was asked it; 16 bytes of each row stay in memory."""
    told = set()
    for found in selection.attempts():
        prompt = opening(found[1])
        if not prompt:
            selection.leave_out(NO_PROMPT)
            continue
        row = {"prompt": prompt, **question(*found)}
        digest = hashlib.blake2b(canonical_json(row).encode(), digest_size=16).digest()
        if digest not in told:
            told.add(digest)
            yield found, row
