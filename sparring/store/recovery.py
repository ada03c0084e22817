"""What lies in the segments and not in the index: frames of a writer that died, and indexes that were lost.

A writer writes a frame, then commits it to the index, then acknowledges it. So at most one whole frame can lie beyond
what the index knows, and its header continues the index exactly. Then it is taken in. A frame that continues a longer
history proves that the index has lost something. Nothing that was written is deleted.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sparring.content import canonical_json
from sparring.files import put_in_place
from sparring.store.index import Column, Index
from sparring.store.rows import DamagedStore, read_line
from sparring.store.schema import Head, create, next_root
from sparring.store.segments import Found, Frame, move_tail_aside, scan_frames, unless_in_use
from sparring.store.sqlite import SqliteDatabase

SUFFIXES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What `reindex` found in the segments."""

    episodes: int
    frames: int
    damaged: tuple[str, ...]
    """What could not be read back, in words."""


def recover(segments: Path, index: Index) -> None:
    """Take in what a dead writer had written whole, and move aside what it had not. Live writers keep theirs.

    Raises DamagedStore where a frame shows that the index has forgotten what came before it.
    """
    if not any(_size(path) > index.committed_end(path.name) for path in segments.glob("*.zst")):
        return
    with ExitStack() as locks, index.transaction():
        tails = {}
        for path in sorted(segments.glob("*.zst")):
            end = index.committed_end(path.name)
            if path.stat().st_size > end and locks.enter_context(unless_in_use(path)):
                tails[path] = (end, list(scan_frames(path, end)))
        whole = sorted((found for _, frames in tails.values() for found in frames), key=_sequence)
        _require_continued(index, whole)
        for found in whole:
            if found.header.sequence == index.head.frames + 1:
                take_in(index, found, found.frame)
        index.check()  # what the index does not know is moved aside: it must be whole
        for path in tails:
            end = index.committed_end(path.name)
            if path.stat().st_size > end:
                move_tail_aside(path, end)


def has_unindexed(segments: Path, index: Index) -> bool:
    """Whether a whole frame that may have been acknowledged lies beyond what the index knows."""
    for path in segments.glob("*.zst"):
        if _size(path) > index.committed_end(path.name):
            with unless_in_use(path) as free:
                beyond = scan_frames(path, index.committed_end(path.name)) if free else ()
                if any(found.header.sequence > index.head.frames for found in beyond):
                    return True
    return False


def reindex(folder: Path) -> Rebuilt:
    """Build the index anew from the segments, while nobody writes; every old one is kept as `index.sqlite.old-N`.

    What the old index knew, where it can be read, tells whether the segments still hold everything.
    """
    segments, index, draft = folder / "segments", folder / "index.sqlite", folder / "index.sqlite.new"
    os.listdir(segments)  # raises PermissionError, where a glob would find nothing
    known = _head_of(index)
    _remove_index(draft)
    create(draft)
    rebuilt = _fill(Index(SqliteDatabase(draft, "a")), segments, known)
    old = next(path for number in count(1) if not (path := folder / f"index.sqlite.old-{number}").exists())
    for suffix in SUFFIXES:
        if index.with_name(index.name + suffix).exists():
            index.with_name(index.name + suffix).rename(old.with_name(old.name + suffix))
    put_in_place(draft, index)
    return rebuilt


def column_lines(rows: Iterable[Column]) -> list[bytes]:
    """Columns as the lines of a frame."""
    return [canonical_json(list(row)).encode() for row in rows]


def _require_continued(index: Index, whole: Sequence[Found]) -> None:
    head = index.head
    for found in whole:
        header = found.header
        if header.sequence <= head.frames:
            continue  # another writer committed a frame with this number: this one never was
        if (header.sequence, header.count, header.root) != (head.frames + 1, head.count, head.root):
            raise index.damaged(
                f"it ends at {head.count} episodes, but {found.frame.segment} goes on from {header.count}"
            )


def take_in(index: Index, found: Found, frame: Frame) -> None:
    """Index the content of a whole frame, which lies at `frame`; inside a transaction."""
    if found.header.kind == "episodes":
        index.add([read_line(line) for line in found.lines], frame)
    else:
        index.add_columns([tuple(json.loads(line)) for line in found.lines], frame)


def _head_of(index: Path) -> Head:
    """How far a store had grown by an index that may be damaged; nothing where it cannot tell."""
    try:
        old = Index(SqliteDatabase(index, "r"))
    except (DamagedStore, OSError):
        return Head(0, "", 0)
    try:
        return old.head
    finally:
        old.close()


def _fill(index: Index, segments: Path, known: Head) -> Rebuilt:
    damaged = [problem for path in sorted(segments.glob("*.zst")) for problem in _not_whole(path)]
    try:
        with index.transaction():
            for found in _in_order(segments):
                expected = index.head.frames + 1
                if found.header.sequence > expected:
                    damaged.append(f"frames {expected} to {found.header.sequence - 1} are damaged or missing")
                    index.skip_to(found.header.sequence)
                take_in(index, found, found.frame)
            if known.frames > index.head.frames:
                damaged.append(f"frames {index.head.frames + 1} to {known.frames} are damaged or missing")
                index.skip_to(known.frames + 1)
        if known.count > index.head.count:
            damaged.append(f"{known.count - index.head.count} episodes that the old index knew are in no segment")
        return Rebuilt(index.head.count, index.head.frames - index.lost_frames(), tuple(damaged))
    finally:
        index.close()


def _not_whole(path: Path) -> Iterator[str]:
    """The parts of a segment that are no whole frames: damaged, or never finished by a writer that died."""
    end = 0
    for found in scan_frames(path):
        if found.frame.offset > end:
            yield f"bytes {end} to {found.frame.offset} of {path} are damaged"
        end = found.frame.offset + found.frame.length
    if path.stat().st_size > end:
        yield f"bytes {end} to {path.stat().st_size} of {path} are damaged, or were never finished"


def _in_order(segments: Path) -> Iterator[Found]:
    """One whole frame for every number; where two have it, the one that the next frame continues."""
    places: dict[int, list[Found]] = defaultdict(list)
    for path in sorted(segments.glob("*.zst")):
        for found in scan_frames(path):
            places[found.header.sequence].append(found)
    for sequence in sorted(places):
        following = {found.header.root for found in places.get(sequence + 1, ())}
        yield next((found for found in places[sequence] if _root_after(found) in following), places[sequence][0])


def _root_after(found: Found) -> str:
    root = found.header.root
    if found.header.kind == "episodes":
        for line in found.lines:
            root = next_root(root, read_line(line).hash)
    return root


def _remove_index(path: Path) -> None:
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _size(path: Path) -> int:
    """0 for a segment that was compacted away this moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sequence(found: Found) -> int:
    return found.header.sequence
