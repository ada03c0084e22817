"""Files that appear whole or not at all, and stay after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file durably; until it is complete the older one stays. Raises OSError naming the file."""
    partial = partial_of(file)
    try:
        partial.write_bytes(content)
        put_in_place(partial, file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


def partial_of(file: Path) -> Path:
    """Where a file is written before it stands."""
    return file.with_name(f".{file.name}.partial")


def put_in_place(partial: Path, file: Path) -> None:
    """Give a complete file its name, durably."""
    fsync(partial)
    os.replace(partial, file)
    fsync(file.parent)


def fsync(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
