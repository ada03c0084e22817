"""A run on disk: `config.json`, `metrics.jsonl`, `checkpoints/`, `episodes/`.

A checkpoint is everything that the next update depends on. It appears whole or not at all, carries the checksums of its
files, and stands before an older one goes. So a run that is killed at any moment continues from the last one, and
continues as if nothing had happened. Equal files are one file with several names (hard links): a snapshot of the league
takes no room beside the checkpoint of the same update. One process at a time may work in the folder.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sparring.faults import make_folder
from sparring.files import fsync, write_whole
from sparring.store import runs
from sparring.store.sealing import SUMS, DamagedFile, require_sealed, seal, sha256, share_equal_files
from sparring.trainers import run_lock
from sparring.trainers.run_lock import RunError
from sparring.trainers.whole_files import save_weights

__all__ = ["RunError", "RunFolder", "read_metrics"]

FORMAT = 3
READABLE = (1, 2, 3)
"""Formats whose settings can be read; only runs of the last one can go on."""
KEPT = 2
"""Checkpoints, while nothing else is said: where the last one is damaged, a run goes on from the one before."""
State = dict[str, Any]
logger = logging.getLogger(__name__)


def _accept(state: State) -> None:
    """Nothing else has to be whole."""


class RunFolder:
    """One run's files. Nothing that exists is ever overwritten by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.episodes = path / "episodes"
        self.metrics = path / "metrics.jsonl"
        self._current: Path | None = None
        """The checkpoint that this process loaded or wrote last."""

    def require_free(self) -> None:
        """Raises RunError where the folder already holds something, an abandoned start apart."""
        if (self.path / "config.json").is_file():
            raise RunError(
                f"{self.path} already exists; continue that run with --resume, or choose another --run folder"
            )
        abandoned = {runs.LOCK, ".config.json.partial"}
        if self.path.exists() and (not self.path.is_dir() or {item.name for item in self.path.iterdir()} - abandoned):
            raise RunError(f"{self.path} already exists and is no run of ours; choose another --run folder")

    def create(
        self, method: str, config: Mapping[str, Any], schedule: Any = None, made_with: Mapping[str, Any] | None = None
    ) -> None:
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

    def write_config(
        self, method: str, config: Mapping[str, Any], schedule: Any = None, made_with: Mapping[str, Any] | None = None
    ) -> None:
        """Write `config.json`; `made_with` says what the run was started with, where that is known."""
        kept = {"schedule": schedule, "made_with": made_with}
        present = {name: value for name, value in kept.items() if value is not None}
        self.write_json("config.json", {"format": FORMAT, "method": method, "config": dict(config), **present})

    @classmethod
    def open(cls, path: Path, method: str) -> RunFolder:
        """An existing run, locked. Raises RunError where it is none, damaged, in use, of another format or method."""
        folder = cls(path)
        found = folder.read_config()
        if found["method"] != method:
            again = f"sparring train {found['method']} --run {shlex.quote(str(path))} --resume"
            raise RunError(f"{path} is a run of {found['method']}, not of {method}; go on with: {again}")
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

    def read_config(self) -> dict[str, Any]:
        """The run's `config.json`: format, method, config."""
        file = self.path / "config.json"
        if not file.is_file():
            raise RunError(f"{self.path} is not a run folder: it has no config.json")
        try:
            found = json.loads(file.read_bytes())
            written = found["format"]
            found["method"], found["config"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} is damaged ({error}); nothing was changed") from error
        if written not in READABLE:
            raise RunError(f"{self.path} was written in run format {written}, this version reads format {FORMAT}")
        return dict(found)

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`, durably; numbers that are not finite become null."""
        plain = {name: None if _is_not_finite(value) else value for name, value in row.items()}
        with self.metrics.open("a") as file:
            file.write(json.dumps(plain, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_json(self, name: str, value: Any) -> None:
        """Write a file beside `config.json`, whole."""
        write_whole(self.path / name, json.dumps(value, indent=1).encode())

    def cut_metrics(self, updates: int) -> None:
        """Drop the lines of updates that a resumed run will do again, and a torn last line.

        Raises RunError, before anything is changed, where a line of the updates before is damaged or missing.
        """
        if updates and not self.metrics.exists():
            held = "update 0" if updates == 1 else f"updates 0 to {updates - 1}"
            raise RunError(f"{self.metrics} is missing: bring back the file with the figures of {held}")
        rows = read_metrics(self.metrics) if self.metrics.exists() else []
        for update in range(updates):
            found = rows[update]["update"] if update < len(rows) else "the end"
            if found != update:
                where = f"{self.metrics} line {update + 1}"
                raise RunError(f"{where} must be that of update {update}, got {found}; nothing was changed")
        if self.metrics.exists():
            write_whole(self.metrics, "".join(json.dumps(line) + "\n" for line in rows[:updates]).encode())

    def save_whole(self, name: str, write: Callable[[Path], None]) -> None:
        """Let `write` fill a folder. `checkpoints/NAME` leads to the older one until the new one is complete."""
        partial = self._fill(name, write)
        standing = self.checkpoints / f"{name}-{sha256(partial / SUMS)[:12]}"
        if standing.exists() and _is_whole(standing):  # the very same content
            shutil.rmtree(partial)
        else:
            self._stand(partial, standing)
        link, place, replaced = (self.checkpoints / word for word in (f".link-{name}", name, f".replaced-{name}"))
        link.symlink_to(standing.name)
        if place.is_dir() and not place.is_symlink():  # a copy of a run holds a folder instead of the link
            os.replace(place, replaced)
        os.replace(link, place)
        fsync(self.checkpoints)
        for older in (replaced, *self.checkpoints.glob(f"{name}-*")):
            if older != standing:
                shutil.rmtree(older, ignore_errors=True)

    def save_checkpoint(
        self, update: int, weights: Mapping[str, torch.Tensor], state: Mapping[str, Any], keep: int = KEPT
    ) -> bool:
        """Write a checkpoint, then forget all but the last `keep`; False if nothing was done since the present one.

        Raises NotFinite for weights that are not, and OSError; the checkpoints before stay.
        """

        def write(folder: Path) -> None:
            save_weights(folder / "weights.safetensors", weights)
            try:
                torch.save(dict(state), folder / "state.pt")
            except RuntimeError as error:  # torch's word for a file that cannot be written
                raise OSError(f"{folder / 'state.pt'} cannot be written, is the disk full? ({error})") from error

        target = self.checkpoints / f"update-{update:06d}"
        if target == self._current and target.is_dir():
            return False
        self._stand(self._fill(target.name, write), target)
        self._current = target
        self.keep_last(keep)
        return True

    def keep_last(self, count: int) -> None:
        """Forget all checkpoints but the last `count`: those up to the one that was written or loaded last."""
        past = [folder for folder in self._complete() if self._current is None or folder.name <= self._current.name]
        for other in self._complete():
            if other not in past[-count:]:
                shutil.rmtree(other)

    def load_checkpoint(
        self, require_rest: Callable[[State], None] = _accept
    ) -> tuple[dict[str, torch.Tensor], State] | None:
        """Weights and state of the last checkpoint that is whole; None, and a warning, where there is no checkpoint.

        `require_rest` raises DamagedFile where other files, which a state rests on, are not whole. Every damaged
        checkpoint is logged as a warning. Raises RunError where all are damaged.
        """
        damage = ""
        for folder in reversed(self._complete()):
            try:
                found = _read_checkpoint(folder)
                require_rest(found[1])
            except DamagedFile as error:
                damage = damage or f"checkpoint {error}"
                logger.warning("checkpoint %s; trying the one before it", error)
                continue
            self._current = folder
            return found
        if damage:
            raise RunError(f"{damage}, and no other one is whole; nothing was changed")
        logger.warning("%s holds no checkpoint: the run starts again at update 0", self.checkpoints)
        return None

    def _complete(self) -> list[Path]:
        return sorted(self.checkpoints.glob("update-*"))

    def _fill(self, name: str, write: Callable[[Path], None]) -> Path:
        """A sealed folder beside the standing ones; what a kill left of earlier attempts goes first."""
        self.checkpoints.mkdir(exist_ok=True)
        fsync(self.path)
        for left in self.checkpoints.glob(".*-*"):
            left.unlink() if left.is_symlink() else shutil.rmtree(left)
        partial = self.checkpoints / f".partial-{name}"
        partial.mkdir()
        write(partial)
        share_equal_files(partial, self.checkpoints)
        seal(partial)
        return partial

    def _stand(self, partial: Path, target: Path) -> None:
        """Give a sealed folder its name. What has the name already was damaged, and given up when the run went on."""
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
        fsync(self.checkpoints)


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`; a torn last line is left out. Raises RunError naming a line damaged before it."""
    try:
        return runs.read_metrics(file)
    except ValueError as error:
        raise RunError(f"{error}; nothing was changed") from error


def _read_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], State]:
    require_sealed(folder)
    try:
        return load_file(folder / "weights.safetensors"), torch.load(folder / "state.pt", weights_only=True)
    except Exception as error:
        raise DamagedFile(f"{folder} is damaged ({error})") from error


def _is_whole(folder: Path) -> bool:
    try:
        require_sealed(folder)
    except DamagedFile:
        return False
    return True


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
