"""Segment files: zstd frames appended one after another, one frame (with checksum) per batch of lines.

A segment has one writer for its whole life and is locked (flock) while that writer lives. What lies beyond the last
frame that the index knows was never acknowledged: readers do not see it, and the next writer cuts it off.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

ROTATE_BYTES = 64 * 1024 * 1024
LEVEL = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a batch lies: file name, first byte, compressed and uncompressed length in bytes."""

    segment: str
    offset: int
    length: int
    size: int


class SegmentWriter:
    """Appends batches to a segment of its own and starts the next one when it has grown to `ROTATE_BYTES`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._fd: int | None = None
        self._name = ""
        self._end = 0

    def append(self, lines: Sequence[bytes]) -> Frame:
        """Write one frame and fsync it. Raises OSError, with the half-written frame taken back."""
        content = b"".join(line + b"\n" for line in lines)
        blob = self._compressor.compress(content)
        fd = self._open()
        frame = Frame(self._name, self._end, len(blob), len(content))
        try:
            _write_all(fd, blob)
            os.fsync(fd)
        except OSError:
            self.take_back(frame)
            raise
        self._end += len(blob)
        return frame

    def take_back(self, frame: Frame) -> None:
        """Cut the segment off before its last frame, which the index did not come to know."""
        if self._fd is not None:
            os.ftruncate(self._fd, frame.offset)
            self._end = frame.offset

    def close(self) -> None:
        """Release the segment; appending again starts a new one."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._end >= ROTATE_BYTES:
            self.close()
        if self._fd is None:
            self._name, self._end = f"{uuid.uuid4().hex}.zst", 0
            self._fd = os.open(self._folder / self._name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o644)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            fsync_folder(self._folder)
        return self._fd


def read_frame(folder: Path, frame: Frame) -> list[bytes]:
    """The lines of a frame. Raises ValueError naming what does not hold; OSError if the file cannot be read."""
    with open(folder / frame.segment, "rb") as file:
        file.seek(frame.offset)
        blob = file.read(frame.length)
    if len(blob) != frame.length:
        raise ValueError(f"the segment ends after {len(blob)} of {frame.length} bytes of the frame")
    try:
        if zstandard.frame_content_size(blob) != frame.size:
            raise ValueError(f"the frame header does not announce {frame.size} bytes")
        content = zstandard.ZstdDecompressor().decompress(blob)
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError(f"the frame does not decompress: {error}") from error
    return content.splitlines()


def cut_torn_tails(folder: Path, committed_end: Callable[[str], int]) -> None:
    """Drop what crashed writers left beyond the last committed byte of a segment; live writers keep theirs."""
    for path in folder.glob("*.zst"):
        if path.stat().st_size > committed_end(path.name):
            with suppress(BlockingIOError, FileNotFoundError):
                _cut(path, committed_end)


def fsync_folder(folder: Path) -> None:
    """Make the creation of a file in the folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _cut(path: Path, committed_end: Callable[[str], int]) -> None:
    with open(path, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end = committed_end(path.name)
        file.truncate(end)
    if end == 0:
        path.unlink()


def _write_all(fd: int, blob: bytes) -> None:
    view = memoryview(blob)
    while view:
        view = view[os.write(fd, view) :]
