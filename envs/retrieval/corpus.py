"""A corpus on the disk: one JSON object a line in the order of ids, and where each line begins.

Nothing is read before it is asked for: a corpus of a million passages opens in milliseconds, in a few MB of memory.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from sparring.envs.retrieval.types import Passage, Triple
from sparring.plurals import number_of

LINES, OFFSETS = "corpus.jsonl", "corpus.offsets"
Progress = Callable[[int], None]
"""Told how many passages are done."""
EVERY = 1000
"""Passages after which progress is told."""


def in_order_of_ids(passages: Iterable[Passage]) -> list[Passage]:
    """Passages sorted by id. Raises ValueError for none, and for two of one id."""
    corpus = sorted(passages, key=lambda passage: passage.id)
    if not corpus:
        raise ValueError("a corpus must have at least one passage, got 0")
    for before, after in pairwise(corpus):
        if before.id == after.id:
            times = Counter(passage.id for passage in corpus)[before.id]
            raise ValueError(f"ids of passages must be unique, got {before.id!r} {times} times")
    return corpus


def line_of(passage: Passage) -> bytes:
    """A passage as a line of a corpus file: one JSON object in ASCII."""
    fields = {"id": passage.id, "title": passage.title, "text": passage.text, "triples": passage.triples}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def passage_of(line: bytes) -> Passage:
    """The passage of a line. Raises ValueError for a line that is none."""
    try:
        fields = json.loads(line)
        triples = tuple(Triple(*triple) for triple in fields["triples"])
        return Passage(fields["id"], fields["title"], fields["text"], triples)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a line of a corpus must be a passage, got {line[:80]!r}") from error


def corpus_digest(corpus: Iterable[Passage]) -> str:
    """SHA-256 over the lines of a corpus in the order of its ids: what `sha256sum` says of the file."""
    digest = hashlib.sha256()
    for passage in corpus:
        digest.update(line_of(passage))
    return digest.hexdigest()


def write_corpus(corpus: Iterable[Passage], folder: Path) -> None:
    """Write the lines and their offsets (N + 1 little-endian 64-bit integers). Raises OSError."""
    offsets = [0]
    with (folder / LINES).open("wb") as file:
        for passage in corpus:
            offsets.append(offsets[-1] + file.write(line_of(passage)))
    (folder / OFFSETS).write_bytes(np.array(offsets, "<i8").tobytes())


class Corpus(Sequence[Passage]):
    """The passages of a folder, each parsed when it is asked for; threads may read at once."""

    def __init__(self, folder: Path) -> None:
        with (folder / LINES).open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._offsets = np.memmap(folder / OFFSETS, "<i8", "r")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, at: int) -> Passage: ...

    @overload
    def __getitem__(self, at: slice) -> list[Passage]: ...

    def __getitem__(self, at: int | slice) -> Passage | list[Passage]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(f"the corpus has {number_of(len(self), 'passage')}, got position {at}")
        at %= len(self)
        return passage_of(self._lines[int(self._offsets[at]) : int(self._offsets[at + 1])])

    def __iter__(self) -> Iterator[Passage]:
        return (self[at] for at in range(len(self)))


def counted(passages: Iterable[Passage], progress: Progress | None) -> Iterator[Passage]:
    """The same passages, telling how many were taken."""
    done = 0
    for done, passage in enumerate(passages, 1):
        yield passage
        if progress and done % EVERY == 0:
            progress(done)
    if progress:
        progress(done)
