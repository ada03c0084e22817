"""Files and folders that appear whole or not at all, and stay after a power cut; the folder where built things stay."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BUILT, REPLACED = "built", "replaced"
"""What the hidden folder of a build holds: what is made, and what stood there before."""
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


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

    Another process sees all of the folder or nothing. Of several that build it at once, one folder stays. What a killed
    one has left beside it is removed. Raises what `build` raises, and OSError; then nothing has changed.
    """
    if is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _scratch_of(folder) as scratch:
        build(scratch / BUILT)
        os.sync()  # a thousand files: one by one they take seconds
        _move_into_place(scratch / BUILT, folder, scratch / REPLACED, is_whole)
    return folder


@contextmanager
def _scratch_of(folder: Path) -> Iterator[Path]:
    """A hidden folder beside a folder, gone at the end; while its process lives, it is locked, and others leave it."""
    prefix = f".{folder.name}.building-"
    parent = _locked(folder.parent, fcntl.LOCK_EX)  # nobody sweeps between the two steps of another process
    try:
        _sweep(folder.parent.glob(f"{glob.escape(prefix)}*"))
        scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
        mine = _locked(scratch, fcntl.LOCK_EX)
    finally:
        os.close(parent)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(mine)


def _sweep(scratches: Iterable[Path]) -> None:
    """Remove what killed processes have left: nobody has these folders locked, and they hold what we put there."""
    for scratch in scratches:
        with suppress(OSError):  # another process uses it, or has just removed it
            if scratch.is_symlink() or {item.name for item in scratch.iterdir()} - {BUILT, REPLACED}:
                continue
            descriptor = _locked(scratch, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(scratch, ignore_errors=True)
            os.close(descriptor)


def _locked(folder: Path, how: int) -> int:
    """A descriptor of a folder that is locked until it is closed. Raises BlockingIOError where others have it.

    A file system without locks leaves the folder unlocked.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS or how & fcntl.LOCK_NB:
            os.close(descriptor)
            raise
    return descriptor


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
