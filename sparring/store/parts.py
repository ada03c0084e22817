"""What a store is made of, and how it is opened: in a folder, or on a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sparring.registry import require
from sparring.store.blobs import BlobFolder, Blobs
from sparring.store.index import Index
from sparring.store.location import Location, Server
from sparring.store.marker import create_store, lock_store, require_version
from sparring.store.recovery import has_unindexed, recover
from sparring.store.segments import Frame, Frames, Segments
from sparring.store.sqlite import SqliteDatabase


class Parts:
    """An open store."""

    def __init__(self, index: Index, frames: Frames, blobs: Blobs, close: Callable[[], None]) -> None:
        self.index, self.frames, self.blobs, self.close = index, frames, blobs, close
        self._unacknowledged: Frame | None = None

    def write(self, action: Callable[[], None]) -> None:
        """Do something in a transaction, durably; again where a server was away: it must be safe to repeat."""

        def once() -> None:
            self.index.check()  # before others have to wait
            with self._taking_back(), self.index.transaction():
                action()

        self.index.lasting(once)

    def append(self, sequence: int, blob: bytes) -> Frame:
        """Write a packed frame; at most one within `write`, unless frames are rows of the same database."""
        self._unacknowledged = self.frames.append(sequence, blob)
        return self._unacknowledged

    @contextmanager
    def _taking_back(self) -> Iterator[None]:
        """Where the index does not come to know a frame, the frame goes; the caller hears of the error."""
        self._unacknowledged = None
        try:
            yield
        except BaseException:
            frame = self._unacknowledged
            if frame is not None and self.index.committed_end(frame.segment) <= frame.offset:
                self.frames.take_back(frame)
            raise


def open_parts(place: Location, mode: str) -> Parts:
    """Open a store; mode "a" makes it where there is none. Raises as `Store` does."""
    return _open_server(place, mode) if isinstance(place, Server) else _open_folder(place, mode)


def _open_folder(path: Path, mode: str) -> Parts:
    segments = path.absolute() / "segments"  # an environment may change the current folder
    if mode == "a":
        create_store(path)
    require_version(path)
    with ExitStack() as opened:
        if mode == "a":
            opened.callback(os.close, lock_store(path))
        index = Index(SqliteDatabase(path / "index.sqlite", mode))
        opened.callback(index.close)
        frames = Segments(segments)
        opened.callback(frames.close)
        # What a writer that died had written whole is taken in. Raises DamagedStore where the index has lost something.
        if mode == "a":
            recover(segments, index)
        elif has_unindexed(segments, index):
            _open_folder(path, "a").close()
        return Parts(index, frames, BlobFolder(path.absolute() / "blobs"), opened.pop_all().close)


def _open_server(server: Server, mode: str) -> Parts:
    require("psycopg", "postgres")
    from sparring.store.postgres_tables import BlobTable, FrameTable, open_tables

    db = open_tables(server, mode)
    try:
        return Parts(Index(db), FrameTable(db), BlobTable(db), db.close)
    except BaseException:
        db.close()
        raise
