"""`store.json`, which makes a folder a store: format and version, and the lock that its writers share."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
from pathlib import Path

from sparring.faults import make_folder
from sparring.files import write_whole
from sparring.store.schema import create

FORMAT = "sparring-store"
VERSION = 4
OWN = ("segments", "blobs", "index.sqlite", "store.json", ".store.json")
"""How the names of a store's files begin."""


class StoreVersionError(Exception):
    """The folder was written by another version of this format, or is no store at all."""


def create_store(path: Path) -> None:
    """Make an empty store unless one is there. The marker comes last: before it, there is no store yet."""
    marker = path / "store.json"
    if marker.exists():
        return
    if path.exists() and (not path.is_dir() or any(not file.name.startswith(OWN) for file in path.iterdir())):
        raise FileExistsError(f"{path} holds something else and no episode store: name a new folder")
    make_folder(path)
    (path / "segments").mkdir(exist_ok=True)
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # one process makes it, the others wait
        if not marker.exists():
            _require_unmarked(path)
            create(path / "index.sqlite")
            write_marker(path)
    finally:
        os.close(folder)


def write_marker(path: Path) -> None:
    """Write `store.json`, whole."""
    write_whole(path / "store.json", json.dumps({"format": FORMAT, "version": VERSION}).encode())


def require_version(path: Path) -> None:
    """Raises FileNotFoundError where no store is yet, StoreVersionError for one that this version does not read."""
    if not (path / "store.json").exists():
        _require_unmarked(path)
        raise no_store(path)
    found = marker_of(path)
    if found is None:
        raise StoreVersionError(f"{path / 'store.json'} cannot be read; {_advice(path)}")
    if found != {"format": FORMAT, "version": VERSION}:
        raise StoreVersionError(f"{path} holds {found}; this Sparring reads only {FORMAT} version {VERSION}")


def _require_unmarked(path: Path) -> None:
    """A folder without a marker must hold no episodes. Raises StoreVersionError where it does."""
    filled = any(segment.stat().st_size for segment in (path / "segments").glob("*.zst"))
    if filled and not (path / "store.json").exists():  # it may just have been made
        raise StoreVersionError(f"{path} has segments but no store.json; {_advice(path)}")


def marker_of(path: Path) -> object | None:
    """What `store.json` says; None where it is missing or is no JSON."""
    try:
        return dict(json.loads((path / "store.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def no_store(path: Path) -> FileNotFoundError:
    nested = path / "episodes"
    hint = f"did you mean {nested}?" if nested.is_dir() else "`sparring play` and `sparring train` write one"
    return FileNotFoundError(f"no episode store at {path} yet: {hint}")


def _advice(path: Path) -> str:
    return f"`sparring store reindex {shlex.quote(str(path))}` writes it again"


def lock_store(path: Path, kind: int = fcntl.LOCK_SH) -> int:
    """A lock on the store: shared by its writers, exclusive for whoever rebuilds the index. Raises TimeoutError."""
    fd = os.open(path / "store.json", os.O_RDONLY)
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        busy = "writing to it" if kind == fcntl.LOCK_EX else "rebuilding its index"
        raise TimeoutError(f"{path} is in use: another process is {busy}") from None
    return fd
