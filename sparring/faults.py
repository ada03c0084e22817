"""What the operating system or a server refuses, in plain words: which file, and what was wrong with it."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

REASONS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder, and a file is wanted",
    errno.ENOTDIR: "a part of this path is a file, and a folder is wanted",
    errno.EEXIST: "it exists already",
    errno.EACCES: "permission denied; check who may read and write there",
    errno.EPERM: "permission denied; check who may read and write there",
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its links lead in a circle",
}

OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class ServerFailed(RuntimeError):
    """A server that is needed is not there, hangs, or answers garbage; the message says which and how."""


def in_words(error: BaseException, place: Path | str | None = None) -> str:
    """An error in one line. `place`: what was written, where an error of writing does not name it."""
    if not isinstance(error, OSError) or error.errno is None:
        return " ".join(str(error).splitlines())
    where = place if error.filename is None and error.errno in OF_WRITING else error.filename
    named = os.fsdecode(where) if isinstance(where, str | bytes | Path) else ""
    return f"{named}: {reason_of(error)}" if named else reason_of(error)


def reason_of(error: OSError) -> str:
    """What was wrong, without the name of the file."""
    text = error.strerror or str(error)
    return REASONS.get(error.errno or 0, text[:1].lower() + text[1:])


def require_writable(path: Path) -> None:
    """Raises OSError where no file or folder can be made at a path: asked before long work whose result goes there.

    A file without a name is made in the nearest folder that exists, and nothing of it stays.
    """
    folder = path if path.is_dir() else next(above for above in path.absolute().parents if above.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        reason = "" if error.errno == errno.ENOENT else f": {reason_of(error)}"  # what /proc says
        raise OSError(f"cannot write {path}: no file can be made in {folder}{reason}") from error


def require_file_place(file: Path) -> None:
    """Raises ValueError, OSError where no file of that name can be written: asked before the work that fills it."""
    if file.is_dir():
        raise ValueError(f"{file} is a folder: name a file in it")
    if not file.parent.is_dir():
        raise ValueError(f"there is no folder {file.parent} for {file.name}")
    require_writable(file)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises OSError in plain words."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder {path}: {reason_of(error)}") from error
