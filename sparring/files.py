"""Files and folders that appear whole or not at all, and stay after a power cut; the folder where built things stay."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file durably; until it is complete the older one stays. Raises OSError naming the file."""
    try:
        with drafted(file) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


@contextmanager
def drafted(file: Path, shared: bool = False) -> Iterator[Path]:
    """Give a path to write to, which becomes the file, durably, at the end of the block.

    The older file stays, and no draft, where the block raises or leaves nothing at that path. What a killed process
    left there, or who laid a link there, is removed first. `shared`: several processes may write the file at once.
    """
    draft = partial_of(file, shared)
    draft.unlink(missing_ok=True)
    try:
        yield draft
        if draft.exists():
            put_in_place(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def partial_of(file: Path, shared: bool = False) -> Path:
    """Where a file is written before it stands; with `shared`, this process's own place."""
    owner = f".{os.getpid()}" if shared else ""
    return file.with_name(f".{file.name}{owner}.partial")


def put_in_place(partial: Path, file: Path) -> None:
    """Give a complete file its name, durably."""
    fsync(partial)
    os.replace(partial, file)
    fsync(file.parent)


def build_folder(folder: Path, build: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.is_dir) -> Path:
    """The folder; where it is not whole, `build` makes it, at the path that it is given, and it moves into place.

    Another process sees all of the folder or nothing. Of several that build it at once, one folder stays. Raises what
    `build` raises, and OSError; then nothing has changed.
    """
    if is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        build(scratch / "built")
        os.sync()  # a thousand files: one by one they take seconds
        _move_into_place(scratch / "built", folder, scratch / "replaced", is_whole)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _move_into_place(built: Path, folder: Path, replaced: Path, is_whole: Callable[[Path], bool]) -> None:
    while not is_whole(folder):
        try:
            if folder.exists():
                folder.rename(replaced)
            built.rename(folder)
        except OSError:
            if not is_whole(folder):  # else another process was as quick
                raise
    fsync(folder.parent)


def fsync(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cache_folder() -> Path:
    """Where things that are built once stay: the model smollm2, the sandbox's files.

    It is `$SPARRING_CACHE`; without it, for root `/var/cache/sparring` (root's own folders are closed to the user that
    the sandbox runs as), for others `sparring` in `$XDG_CACHE_HOME` or in `~/.cache`.
    """
    if chosen := os.environ.get("SPARRING_CACHE"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/sparring")
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (caches if caches.is_absolute() else Path.home() / ".cache") / "sparring"
