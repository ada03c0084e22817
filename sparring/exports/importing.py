"""Files of other trainers' formats, read back into a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sparring.encoding import Record
from sparring.exports.formats import Format
from sparring.store.location import Location
from sparring.store.store import Store
from sparring.types import Episode

BATCH = 256
Progress = Callable[[int], None]
"""Hears how many bytes are read."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    episodes: int
    new: int
    """How many of them were not in the store."""


def import_file(file: Path, format: Format, where: Location, progress: Progress | None = None) -> Imported:
    """Append the episodes of a file to a store; what is there already is skipped, so that an import can be repeated.

    A store is made when the first batch was read. Raises ValueError naming the row that is wrong, OSError, and what
    `Store` raises.
    """
    episodes = _joined(_episodes(file, format, progress))
    batch = list(islice(episodes, BATCH))
    if not batch:
        raise ValueError(f"{file} holds nothing to import")
    with Store(where, "a") as store:
        before, count = store.count, 0
        while batch:
            store.append(batch)
            count += len(batch)
            batch = list(islice(episodes, BATCH))
        return Imported(count, store.count - before)


def _episodes(file: Path, format: Format, progress: Progress | None) -> Iterator[Episode]:
    assert format.read is not None
    for number, line in _records(file, progress):
        try:
            episode = format.read(line)
        except (ValueError, TypeError, AttributeError, LookupError, StopIteration) as error:
            said = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{file} row {number} is no row of {format.name}: {said}") from error
        if any(True for _ in episode.blobs):
            raise ValueError(f"{file} row {number}: episode {episode.id} saw images, whose bytes no export holds")
        yield episode


def _records(file: Path, progress: Progress | None) -> Iterator[tuple[int, Record]]:
    """(number from 1, JSON object): a line each, or the elements of an array, which is read at once."""
    with file.open("rb") as lines:
        if lines.read(1) == b"[":
            yield from enumerate(_array(file), start=1)
            return
        lines.seek(0)
        read = 0
        for number, line in enumerate(lines, start=1):
            read += len(line)
            if line.strip():
                yield number, _object(line, f"{file} line {number}")
            if progress:
                progress(read)


def _array(file: Path) -> Iterator[Record]:
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    for number, one in enumerate(found, start=1):
        if not isinstance(one, dict):
            raise ValueError(f"{file} row {number} must be a JSON object, got {one!r:.80}")
        yield one


def _object(line: bytes, where: str) -> Record:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be a JSON object, got {found!r:.80}")
    return found


def _joined(episodes: Iterator[Episode]) -> Iterator[Episode]:
    """Episodes whose seats stand in rows that follow each other, put together."""
    held: Episode | None = None
    for episode in episodes:
        if held is None or not _is_same_play(held, episode):
            if held is not None:
                yield held
            held = episode
        else:
            held = replace(held, trajectories={**held.trajectories, **episode.trajectories})
    if held is not None:
        yield held


def _is_same_play(one: Episode, other: Episode) -> bool:
    same = replace(one, trajectories={}) == replace(other, trajectories={})
    return same and not set(one.trajectories) & set(other.trajectories)
