"""What a store is made of, and how it is opened: in a folder, or on a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sparring.registry import require
from sparring.store.blobs import BlobFolder, Blobs
from sparring.store.index import Index
from sparring.store.location import Location, Server
from sparring.store.marker import create_store, lock_store, require_version
from sparring.store.recovery import has_unindexed, recover
from sparring.store.segments import Frames, Segments
from sparring.store.sqlite import SqliteDatabase


@dataclass(frozen=True, slots=True)
class Parts:
    """An open store."""

    index: Index
    frames: Frames
    blobs: Blobs
    close: Callable[[], None]


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
