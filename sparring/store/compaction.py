"""Many small segments become few: the same frames in the same order, so the root stays.

The new segment stands, whole, before the index names it; the index names it before the old ones go. A compaction that
is killed leaves copies of frames, which the next writer moves aside (`*.0.torn`) and the next compaction removes.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.files import fsync
from sparring.store import segments as segment_files
from sparring.store.index import Index
from sparring.store.location import Location, require_folder
from sparring.store.marker import lock_store, require_version
from sparring.store.recovery import recover
from sparring.store.rows import DamagedStore
from sparring.store.segments import Frame, Segments, frame_at, scan_frames
from sparring.store.sqlite import SqliteDatabase

DRAFT = ".compacting"


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many segments there were, and are."""

    before: int
    after: int


def compact(store: Location) -> Compacted:
    """Put the frames of small segments together, while nobody writes.

    Raises ValueError for a server, TimeoutError where another process writes, DamagedStore, OSError.
    """
    folder = require_folder(store, "only a store in a folder has segments to compact")
    require_version(folder)
    lock = lock_store(folder, fcntl.LOCK_EX)
    index = Index(SqliteDatabase(folder / "index.sqlite", "a"))
    try:
        return _compact(folder.absolute() / "segments", index)
    finally:
        index.close()
        os.close(lock)


def _compact(folder: Path, index: Index) -> Compacted:
    for draft in folder.glob(f"*{DRAFT}"):
        draft.unlink()
    recover(folder, index)
    index.check()
    frames = [frame for _, frame in index.frames(1) if frame.length]
    _remove_copies(folder, frames)
    before = len({frame.segment for frame in frames})
    small = {name for name in {frame.segment for frame in frames} if _is_small(folder / name)}
    if len(small) < 2:
        return Compacted(before, before)
    moved = list(_write(folder, [frame for frame in frames if frame.segment in small]))
    with index.transaction():
        index.move(moved)
    for name in small:
        (folder / name).unlink()
    fsync(folder)
    return Compacted(before, before - len(small) + len({new.segment for _, new in moved}))


def _is_small(segment: Path) -> bool:
    return segment.stat().st_size < segment_files.ROTATE_BYTES // 2


def _write(folder: Path, frames: Sequence[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Write frames into new segments, one after another; gives each with its new place, when that is on disk."""
    old = Segments(folder)
    for group in _of_one_segment(frames):
        name, end, moved = f"{uuid.uuid4().hex}.zst", 0, []
        draft = folder / f"{name}{DRAFT}"
        with open(draft, "wb") as file:
            for frame in group:
                file.write(_whole(old, frame))
                moved.append((frame, Frame(name, end, frame.length)))
                end += frame.length
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / name)
        fsync(folder)
        yield from moved


def _of_one_segment(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    group: list[Frame] = []
    size = 0
    for frame in frames:
        if size >= segment_files.ROTATE_BYTES:
            yield group
            group, size = [], 0
        group.append(frame)
        size += frame.length
    yield group


def _whole(segments: Segments, frame: Frame) -> bytes:
    """The bytes of a frame. Raises DamagedStore where they are not what was written: then nothing is moved."""
    try:
        blob = segments.read(frame)
        frame_at(frame.segment, blob)
    except (ValueError, OSError) as error:
        raise DamagedStore(f"{segments.where(frame)} is damaged, and nothing is compacted: {error}") from error
    return blob


def _remove_copies(folder: Path, frames: Sequence[Frame]) -> None:
    """Remove what a killed compaction has left: files whose every byte is in the store."""
    asides = list(folder.glob("*.0.torn"))
    by_length: dict[int, list[Frame]] = {}
    for frame in frames if asides else ():
        by_length.setdefault(frame.length, []).append(frame)
    files = Segments(folder)
    for aside in asides:
        found = [one.frame for one in scan_frames(aside)]
        is_whole = sum(frame.length for frame in found) == aside.stat().st_size > 0
        if is_whole and all(_is_among(files, frame, by_length.get(frame.length, ())) for frame in found):
            aside.unlink()


def _is_among(files: Segments, frame: Frame, others: Sequence[Frame]) -> bool:
    blob = files.read(frame)
    return any(files.read(other) == blob for other in others)
