"""One process at a time in a run folder: a lock that vanishes with its process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sparring.store.run_files import LOCK, RunError

_held: dict[Path, int] = {}
"""Lock file -> descriptor, of this process. Within one process the lock may be taken again."""


def acquire(folder: Path) -> None:
    """Lock an existing folder and write our process id into the lock. Raises RunError naming the present owner."""
    file = folder.resolve() / LOCK
    if _is_held(file):
        return
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        whose = f"process {owner}" if owner else "another process"
        raise RunError(f"{folder} is in use by {whose}: wait for its end, or stop it; nothing was changed") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    _held[file] = descriptor


def release(folder: Path) -> None:
    """Give the folder free, where this process has it."""
    descriptor = _held.pop(folder.resolve() / LOCK, None)
    if descriptor is not None:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _is_held(file: Path) -> bool:
    """Whether this process has the lock; a lock whose file was deleted is none."""
    descriptor = _held.get(file)
    if descriptor is None:
        return False
    if file.exists() and os.path.samestat(os.fstat(descriptor), file.stat()):
        return True
    os.close(_held.pop(file))
    return False
