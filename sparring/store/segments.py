"""Segment files: frames appended one after another, one frame per committed batch.

    frame = header (a zstd skippable frame, with its own CRC) + zstd frame of lines (with a checksum)

The header says which frame of the store this is, and the state of the store before it. So the segments alone hold
everything, in order: the index can be rebuilt from them, and what a lost index forgot is recognised. `zstd -d` reads a
segment as it is.

A segment has one writer for its whole life and is locked (flock) while that writer lives.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import zstandard

from sparring.files import fsync

ROTATE_BYTES = 64 * 1024 * 1024
LEVEL = 3
LOCK_TRIES, LOCK_PAUSE_SECONDS = 20, 0.005
Kind = Literal["episodes", "columns"]

_SKIPPABLE = 0x184D2A53
_HEADER = struct.Struct("<II4sQQ32sQI")
"""Magic, bytes that follow, kind, sequence, count, root, length of the zstd frame, CRC-32 of all before it."""
_KINDS: dict[Kind, bytes] = {"episodes": b"EPIS", "columns": b"COLS"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a batch lies: file name, first byte, and length in bytes, its header included."""

    segment: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a frame holds, and the state of the store that it continues."""

    kind: Kind
    sequence: int
    """1 for the first frame of the store; every committed frame has the next number."""
    count: int
    """Episodes in the store before this frame."""
    root: str
    """The store's root before this frame, in hex."""


@dataclass(frozen=True, slots=True)
class Found:
    """A whole frame as it lies in a segment: header and checksum hold."""

    frame: Frame
    header: Header
    lines: tuple[bytes, ...]


class Frames(Protocol):
    """Where the frames of a store lie: segment files, or rows of a table."""

    def append(self, sequence: int, blob: bytes) -> Frame:
        """Write a packed frame, the store's next. Raises OSError, with nothing half-written left."""

    def take_back(self, frame: Frame) -> None:
        """Remove a frame that the index did not come to know."""

    def read(self, frame: Frame) -> bytes:
        """The bytes of a frame as they lie there. Raises ValueError where there are fewer, OSError."""

    def where(self, frame: Frame) -> str:
        """The frame's place, in words."""

    def close(self) -> None:
        """Release what is held."""


class Segments:
    """Segment files in a folder: `Frames`.

    Appends to a segment of its own and starts the next one when it has grown to `ROTATE_BYTES`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd: int | None = None
        self._name = ""
        self._end = 0

    def append(self, sequence: int, blob: bytes) -> Frame:
        """Write one frame and fsync it. Raises OSError, with the half-written frame taken back."""
        fd = self._open()
        frame = Frame(self._name, self._end, len(blob))
        try:
            _write_all(fd, blob)
            os.fsync(fd)
        except BaseException:
            self.take_back(frame)
            raise
        self._end += frame.length
        return frame

    def take_back(self, frame: Frame) -> None:
        """Cut the segment off before its last frame."""
        if self._fd is not None:
            os.ftruncate(self._fd, frame.offset)
            self._end = frame.offset

    def read(self, frame: Frame) -> bytes:
        """The bytes of a frame as they lie there. Raises ValueError where there are fewer, OSError."""
        with open(self._folder / frame.segment, "rb") as file:
            file.seek(frame.offset)
            blob = file.read(frame.length)
        if len(blob) != frame.length:
            raise ValueError(f"the segment ends after {len(blob)} of {frame.length} bytes of the frame")
        return blob

    def where(self, frame: Frame) -> str:
        """The segment, and the byte at which the frame begins."""
        return f"{self._folder / frame.segment} at byte {frame.offset}"

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
            fsync(self._folder)
        return self._fd


def pack_frame(header: Header, lines: Sequence[bytes]) -> bytes:
    """The bytes of a frame."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    data = compressor.compress(b"".join(line + b"\n" for line in lines))
    return _pack_header(header, len(data)) + data


def scan_frames(path: Path, start: int = 0) -> Iterator[Found]:
    """The whole frames of a segment from a byte on, in order; bytes that are no whole frame are passed over."""
    return frames_in(path.name, path.read_bytes(), start)


def frames_in(segment: str, blob: bytes, start: int = 0) -> Iterator[Found]:
    """As `scan_frames`, of a segment's bytes."""
    at = start
    while at < len(blob):
        try:
            found = frame_at(segment, blob, at)
            yield found
            at += found.frame.length
        except ValueError:
            following = blob.find(struct.pack("<I", _SKIPPABLE), at + 1)
            at = following if following >= 0 else len(blob)


@contextmanager
def unless_in_use(path: Path) -> Iterator[bool]:
    """Hold the lock of a segment that no writer has; gives False, after a moment, where a live writer has it."""
    with open(path, "rb") as file:
        yield any(_try_lock(file.fileno()) for _ in range(LOCK_TRIES))


def move_tail_aside(path: Path, end: int) -> Path:
    """Move all bytes from `end` on into a file `*.torn` beside the segment: nothing that was written is deleted."""
    aside = path.with_name(f"{path.stem}.{end}.torn")
    if end == 0:
        path.rename(aside)
    else:
        with open(path, "r+b") as segment, open(aside, "wb") as file:
            segment.seek(end)
            file.write(segment.read())
            file.flush()
            os.fsync(file.fileno())
            segment.truncate(end)
            os.fsync(segment.fileno())
    fsync(path.parent)
    return aside


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(LOCK_PAUSE_SECONDS)
        return False
    return True


def _pack_header(header: Header, length: int) -> bytes:
    root = bytes.fromhex(header.root)
    kind = _KINDS[header.kind]
    start = _HEADER.pack(_SKIPPABLE, _HEADER.size - 8, kind, header.sequence, header.count, root, length, 0)[:-4]
    return start + struct.pack("<I", zlib.crc32(start))


def frame_at(segment: str, blob: bytes, at: int = 0) -> Found:
    """The frame that begins there. Raises ValueError where it is not whole."""
    head = blob[at : at + _HEADER.size]
    if len(head) < _HEADER.size:
        raise ValueError(f"the header of the frame ends after {len(head)} of {_HEADER.size} bytes")
    magic, _, mark, sequence, count, root, length, crc = _HEADER.unpack(head)
    if magic != _SKIPPABLE or crc != zlib.crc32(head[:-4]):
        raise ValueError("the checksum of the frame's header does not hold")
    content = _decompress(blob[at + _HEADER.size : at + _HEADER.size + length])
    kind: Kind = "episodes" if mark == _KINDS["episodes"] else "columns"
    frame = Frame(segment, at, _HEADER.size + length)
    return Found(frame, Header(kind, sequence, count, root.hex()), tuple(content.splitlines()))


def _decompress(data: bytes) -> bytes:
    """Raises ValueError unless the data is one whole frame whose checksum holds."""
    try:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        content = decompressor.decompress(data)
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError(f"the frame does not decompress: {error}") from error
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("the frame is not whole")
    return content


def _write_all(fd: int, blob: bytes) -> None:
    view = memoryview(blob)
    while view:
        view = view[os.write(fd, view) :]
