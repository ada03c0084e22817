"""The pictures of a report, as PNG within the page: as many as fit, the first camera of all episodes before the others.

A page is to stay small enough to be sent: pictures get the room that the rest of it leaves. They are made for looking:
at most 160 pixels wide, and 64 levels of each colour instead of 256, which halves a rendered picture.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from sparring.content import Blob
from sparring.scoreboard.report.robot import Film, film
from sparring.scoreboard.standings import RunData, store_of
from sparring.store.rows import DamagedStore
from sparring.store.store import Store
from sparring.types import Episode

MOST_PAGE = 5_000_000
"""Bytes of a page with pictures; one that is larger without them has none."""
MOST_PIXELS = 160
"""Width and height; larger ones are reduced by a whole factor."""
PACKED = 1.4
"""Bytes of the page for one byte of a picture: base64 for its address, then gzip and base64 for them all."""
ENTRY = 120
"""Bytes of the page for a picture's name."""
Films = Sequence[tuple[Episode, Film]]


@dataclass(slots=True)
class Album:
    """Pictures by the SHA-256 of their pixels, as `data:` addresses."""

    pictures: dict[str, str] = field(default_factory=dict)
    left_out: int = 0
    """How many did not fit."""
    unreadable: int = 0


def films_of(run: RunData) -> list[tuple[Episode, Film]]:
    """The episodes of a run that have pictures of a robot."""
    found = [(episode, film(episode)) for episode in run.replays]
    return [(episode, one) for episode, one in found if one is not None and one.frames]


def album(runs: Sequence[tuple[RunData, Films]], room: int) -> Album:
    """As many pictures as `room` bytes of a page hold."""
    made, wanted = Album(), dict[str, tuple[int, Blob]]()
    for place, blob in _wanted([films for _, films in runs]):
        wanted.setdefault(blob.sha256, (place, blob))
    with ExitStack() as opened:
        stores = [_store(run, opened) if films else None for run, films in runs]
        for number, (place, blob) in enumerate(wanted.values()):
            address = _address(blob, stores[place])
            room -= ENTRY + int(PACKED * len(address) * 3 / 4)
            if room < 0:
                made.left_out = len(wanted) - number
                break
            if address:
                made.pictures[blob.sha256] = address
            else:
                made.unreadable += 1
    return made


def _store(run: RunData, opened: ExitStack) -> Store | None:
    folder = store_of(run.path)
    return None if folder is None else opened.enter_context(Store(folder))


def _wanted(films_of_runs: Sequence[Films]) -> Iterator[tuple[int, Blob]]:
    """(place of the run, picture): by first and other cameras, the episodes of the runs in turn."""
    for cameras in (slice(1), slice(1, None)):
        for pairs in zip_longest(*films_of_runs):
            for place, pair in enumerate(pairs):
                if pair is not None:
                    yield from ((place, blob) for blob in _blobs(pair, cameras))


def _blobs(pair: tuple[Episode, Film], cameras: slice) -> Iterator[Blob]:
    episode, film = pair
    blobs = {blob.sha256: blob for blob in episode.blobs}
    return (blobs[sha256] for frame in film.frames for _, sha256 in frame.shots[cameras])


def _address(blob: Blob, store: Store | None) -> str:
    """`data:image/png;base64,...`; "" where its bytes cannot be had."""
    try:
        pixels = blob.array(blob.data if store is None else store.blob(blob.sha256))
    except (KeyError, ValueError, DamagedStore):
        return ""
    return "data:image/png;base64," + base64.b64encode(png(_coarse(pixels))).decode()


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of each block, in 64 levels a colour. [height, width, 3]."""
    by = -(-max(pixels.shape) // MOST_PIXELS)
    height, width = (max(1, size // by) for size in pixels.shape[:2])
    if by > 1 and min(pixels.shape[:2]) >= by:
        blocks = pixels[: height * by, : width * by].reshape(height, by, width, by, 3)
        pixels = blocks.mean(axis=(1, 3)).astype(np.uint8)
    coarse: NDArray[np.uint8] = (pixels & np.uint8(0xFC)) | (pixels >> np.uint8(6))
    return coarse


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file (RFC 2083) of pixels [height, width, 3]: every row as its difference to the one above (filter 2)."""
    height, width, _ = pixels.shape
    above = np.concatenate([np.zeros_like(pixels[:1]), pixels[:-1]])
    rows = np.full((height, 1 + 3 * width), 2, np.uint8)
    rows[:, 1:] = (pixels - above).reshape(height, -1)  # modulo 256, as the filter wants it
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows.tobytes(), 9),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
