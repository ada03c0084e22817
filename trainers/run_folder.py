"""A run on disk: `config.json`, `metrics.jsonl`, `checkpoints/`, `episodes/`.

A run that is killed at any moment goes on from its last checkpoint as if nothing had happened. One process at a time
may work in the folder.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from sparring.faults import make_folder, require_writable
from sparring.files import partial_of, write_whole
from sparring.store.run_files import (
    CHECKPOINTS,
    CONFIG,
    EPISODES,
    FORMAT,
    LOCK,
    METRICS,
    RunError,
    Started,
    metrics_of,
    read_config,
    read_metrics,
)
from sparring.trainers import run_lock
from sparring.trainers.checkpoints import Checkpoints

__all__ = ["RunError", "RunFolder", "read_metrics"]

Facts = Mapping[str, object]


class RunFolder:
    """One run's files. Nothing that exists is ever overwritten by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / CHECKPOINTS)
        self.episodes = path / EPISODES
        self.metrics = path / METRICS

    def require_free(self) -> None:
        """Raises RunError for a folder that holds more than an abandoned start, OSError where none can be made."""
        if (self.path / CONFIG).is_file():
            raise RunError(
                f"{self.path} already exists; continue that run with --resume, or choose another --run folder"
            )
        abandoned = {LOCK, partial_of(self.path / CONFIG).name}
        if self.path.exists() and (not self.path.is_dir() or {item.name for item in self.path.iterdir()} - abandoned):
            raise RunError(f"{self.path} already exists and is no run of ours; choose another --run folder")
        require_writable(self.path)

    def create(self, method: str, config: Facts, schedule: object = None, made_with: Facts | None = None) -> None:
        """Begin a new run and lock it. Raises RunError where the folder already holds something, or is in use."""
        self.require_free()
        make_folder(self.path)
        run_lock.acquire(self.path)
        try:
            self.require_free()
            self.write_config(method, config, schedule, made_with)
        except BaseException:
            self.release()
            raise

    def write_config(self, method: str, config: Facts, schedule: object = None, made_with: Facts | None = None) -> None:
        """Write `config.json`; `made_with` says what the run was started with, where that is known."""
        kept = {"schedule": schedule, "made_with": made_with}
        present = {name: value for name, value in kept.items() if value is not None}
        self.write_json(CONFIG, {"format": FORMAT, "method": method, "config": dict(config), **present})

    @classmethod
    def open(cls, path: Path, method: str) -> RunFolder:
        """An existing run, locked. Raises RunError where it is none, damaged, in use, of another format or method."""
        folder = cls(path)
        found = require_method(path, method)
        if found["format"] != FORMAT:
            raise RunError(f"{path} was written in run format {found['format']}, this version resumes format {FORMAT}")
        run_lock.acquire(path)
        return folder

    def release(self) -> None:
        """Let other processes have the folder; the end of this process does the same."""
        run_lock.release(self.path)

    def lock(self) -> None:
        """Take the folder (again). Raises RunError where another process has it."""
        run_lock.acquire(self.path)

    def read_config(self) -> Started:
        """The run's `config.json`."""
        return read_config(self.path)

    def log(self, row: Facts) -> None:
        """Append one line to `metrics.jsonl`, durably; numbers that are not finite become null."""
        plain = {name: None if _is_not_finite(value) else value for name, value in row.items()}
        with self.metrics.open("a") as file:
            file.write(json.dumps(plain, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_json(self, name: str, value: object) -> None:
        """Write a file beside `config.json`, whole."""
        write_whole(self.path / name, json.dumps(value, indent=1).encode())

    def cut_metrics(self, updates: int) -> None:
        """Drop the lines of updates that a resumed run will do again, and a torn last line.

        Raises RunError, before anything is changed, where a line of the updates before is damaged or missing.
        """
        if updates and not self.metrics.exists():
            held = "update 0" if updates == 1 else f"updates 0 to {updates - 1}"
            raise RunError(f"{self.metrics} is missing: bring back the file with the figures of {held}")
        rows = metrics_of(self.path)
        for update in range(updates):
            found = rows[update]["update"] if update < len(rows) else "the end"
            if found != update:
                where = f"{self.metrics} line {update + 1}"
                raise RunError(f"{where} must be that of update {update}, got {found}; nothing was changed")
        if self.metrics.exists():
            write_whole(self.metrics, "".join(json.dumps(line) + "\n" for line in rows[:updates]).encode())


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def require_method(path: Path, method: str) -> Started:
    """The settings of a run. Raises RunError where it is none, damaged, or a run of another method."""
    found = RunFolder(path).read_config()
    if found["method"] != method:
        again = f"sparring train {found['method']} --run {shlex.quote(str(path))} --resume"
        raise RunError(f"{path} is a run of {found['method']}, not of {method}; go on with: {again}")
    return found
