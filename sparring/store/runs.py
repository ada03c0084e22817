"""What can be said of a run folder without opening its episodes: its state, settings, metrics and size."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sparring.store.run_files import LOCK, is_run
from sparring.store.run_parts import Rows, lost_parts, lost_updates


def find_runs(folder: Path) -> list[Path]:
    """Every run folder below a folder, itself included, by name; links and hidden folders are not followed.

    Raises FileNotFoundError where there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    if is_run(folder):
        yield folder
        return
    try:
        children = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except PermissionError:
        return
    for child in children:
        if not child.name.startswith("."):
            yield from _walk(child)


def losses_of(run: Path, rows: Rows, settings: Mapping[str, object]) -> list[str]:
    """What a run has lost, in words; a run under way is not judged."""
    if is_live(run):
        return []
    return [*filter(None, [lost_updates(run, rows)]), *lost_parts(run, rows, settings)]


def updates_done(rows: Rows, steps: int) -> int:
    """Updates in a run's metrics; the line after the last update has the final evaluation only."""
    return min(steps, int(rows[-1]["update"]) + 1) if rows else 0


def state_of(run: Path, rows: Rows, steps: int) -> str:
    """running while a process works in the folder; finished after the final evaluation; else interrupted.

    damaged where lines of the metrics are lost, so that nobody can tell.
    """
    if is_live(run):
        return "running"
    if lost_updates(run, rows):
        return "damaged"
    return "finished" if rows and int(rows[-1]["update"]) >= steps else "interrupted"


def is_live(run: Path) -> bool:
    """Whether a process, this one or another, works in a run folder. Nothing is changed."""
    try:
        descriptor = os.open(run / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        if not os.fstat(descriptor).st_size:  # the owner's id stands in it until the owner gives the folder free
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; a file with several names counts once, links are not followed."""
    sizes: dict[tuple[int, int], int] = {}
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(where, name))
            except OSError:  # gone since: a running run tidies up
                continue
            sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())
