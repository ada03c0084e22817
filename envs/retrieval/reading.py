"""Passages out of files that other projects write: a JSON object a line.

FlashRAG, Search-R1   {"id": .., "contents": "title\\ntext"}
BEIR                  {"_id": .., "title": .., "text": ..}
ours                  {"id": .., "title": .., "text": .., "triples": [[s, r, o], ..]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sparring.envs.retrieval.types import Passage
from sparring.envs.retrieval.wire.documents import passage_of


def read_passages(file: Path) -> Iterator[Passage]:
    """The passages of a file, line by line; empty lines are passed over.

    Raises ValueError naming file, line and field for a line that is none or an id that was there before, and OSError.
    """
    lines: dict[str, int] = {}
    with file.open("rb") as content:
        for number, line in enumerate(content, 1):
            if not line.strip():
                continue
            passage = _passage(line, f"{file}, line {number}")
            first = lines.setdefault(passage.id, number)
            if first != number:
                raise ValueError(f"{file}, line {number}: the id {passage.id!r:.80} is that of line {first} too")
            yield passage
    if not lines:
        raise ValueError(f"{file} must hold a passage a line, and has none")


def _passage(line: bytes, where: str) -> Passage:
    try:
        fields = json.loads(line)
        if b"\\ud" in line.lower():  # a lone surrogate is legal in JSON and nowhere else: it becomes a question mark
            fields = json.loads(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: it must be a JSON object, got {line[:40]!r}") from error
    if isinstance(fields, dict) and "id" not in fields and "_id" not in fields:
        raise ValueError(f"{where}: the field id (or _id) is missing; it has {', '.join(map(str, fields))[:80]}")
    try:
        return passage_of(fields)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def count_lines(file: Path) -> int:
    """How many lines a file has, for a progress bar. Raises OSError."""
    with file.open("rb") as content:
        return sum(piece.count(b"\n") for piece in iter(lambda: content.read(2**20), b""))
