"""Folders that are known to be damaged where they are, and files that are stored once however often they stand.

A sealed folder holds `SHA256SUMS`, one line for every other file in it, as `sha256sum --check` reads it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from sparring.files import drafted, fsync, write_whole

SUMS = "SHA256SUMS"
BLOCK = 1 << 20


class DamagedFile(ValueError):
    """A file or folder is not as it was written."""


def share_equal_files(folder: Path, standing: Path) -> None:
    """Let a file of a new folder that equals one below `standing`, byte for byte, be a second name of that one.

    Nothing of ours is ever written in place, so no name changes what another one leads to. Where a disk knows no hard
    links the file stays a copy.
    """
    by_size: dict[int, list[Path]] = {}
    for file in _files(standing):
        if folder not in file.parents:
            by_size.setdefault(file.stat().st_size, []).append(file)
    for file in _files(folder):
        twin = next((other for other in by_size.get(file.stat().st_size, ()) if _is_equal(file, other)), None)
        if twin is not None:
            _become(file, twin)


def _become(file: Path, twin: Path) -> None:
    with drafted(file) as draft, suppress(OSError):
        os.link(twin, draft)


def _is_equal(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while (block := first.read(BLOCK)) == second.read(BLOCK):
            if not block:
                return True
    return False


def seal(folder: Path) -> None:
    """Write the checksums of all files in a folder, and all of it to the disk."""
    for file in _files(folder):
        fsync(file)
    write_whole(folder / SUMS, _sums(folder))


def require_sealed(folder: Path) -> None:
    """Raises DamagedFile unless every file of a sealed folder is as it was when it was sealed."""
    file = folder / SUMS
    if not file.is_file():
        raise DamagedFile(f"{folder} is damaged: it has no {SUMS}")
    written, present = (set(lines.splitlines()) for lines in (file.read_bytes(), _sums(folder)))
    if different := sorted(written ^ present):
        names = sorted({line.partition(b"  ")[2].decode("utf-8", "replace") for line in different})
        raise DamagedFile(f"{folder} is damaged: the checksum of {', '.join(names)} does not hold")


def is_sealed(folder: Path) -> bool:
    """Whether every file of a folder is there, and as it was when the folder was sealed."""
    try:
        require_sealed(folder)
    except (DamagedFile, OSError):
        return False
    return True


def sha256(file: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sums(folder: Path) -> bytes:
    lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in _files(folder)]
    return "".join(lines).encode()


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / SUMS)
