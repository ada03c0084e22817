"""A run on disk: `config.json`, `metrics.jsonl`, `checkpoints/`, `episodes/`.

A checkpoint is everything that the next update depends on. It appears whole or not at all, so a run that is killed at
any moment continues from the last one, and continues as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

FORMAT = 1


class RunError(ValueError):
    """A run folder that cannot be used as asked; the message says why and what would work."""


class RunFolder:
    """One run's files. Nothing that exists is ever overwritten by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.episodes = path / "episodes"
        self.metrics = path / "metrics.jsonl"

    def require_free(self) -> None:
        """Raises RunError where the folder already holds something."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(
                f"{self.path} already exists; continue that run with --resume, or choose another --run folder"
            )

    def create(self, method: str, config: Mapping[str, Any]) -> None:
        """Begin a new run. Raises RunError where the folder already holds something."""
        self.require_free()
        self.checkpoints.mkdir(parents=True)
        self.write_config(method, config)

    def write_config(self, method: str, config: Mapping[str, Any]) -> None:
        """Write `config.json`."""
        self.write_json("config.json", {"format": FORMAT, "method": method, "config": dict(config)})

    @classmethod
    def open(cls, path: Path, method: str) -> RunFolder:
        """An existing run. Raises RunError where it is none, damaged, of another format or of another method."""
        folder = cls(path)
        found = folder.read_config()["method"]
        if found != method:
            raise RunError(f"{path} is a run of {found}, not of {method}: resume it with `sparring train {found}`")
        return folder

    def read_config(self) -> dict[str, Any]:
        """The run's `config.json`: format, method, config."""
        file = self.path / "config.json"
        if not file.is_file():
            raise RunError(f"{self.path} is not a run folder: it has no config.json")
        try:
            found = json.loads(file.read_text())
            written = found["format"]
            found["method"], found["config"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} is damaged ({error}); nothing was changed") from error
        if written != FORMAT:
            raise RunError(f"{self.path} was written in run format {written}, this version reads format {FORMAT}")
        return dict(found)

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one line to `metrics.jsonl`."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def write_json(self, name: str, value: Any) -> None:
        """Write a file beside `config.json`, whole."""
        _write_whole(self.path / name, json.dumps(value, indent=1).encode())

    def cut_metrics(self, updates: int) -> None:
        """Drop the lines of updates that a resumed run will do again, and a torn last line."""
        if self.metrics.exists():
            kept = [line for line in read_metrics(self.metrics) if line["update"] < updates]
            _write_whole(self.metrics, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def save_whole(self, name: str, write: Callable[[Path], None]) -> None:
        """Let `write` fill a folder under `checkpoints/`; it takes the place of an older one only when complete."""
        target, partial = self.checkpoints / name, self.checkpoints / f".partial-{name}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        write(partial)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)

    def save_checkpoint(self, update: int, weights: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> Path:
        """Write a checkpoint, then forget the older ones."""

        def write(folder: Path) -> None:
            save_weights(folder / "weights.safetensors", weights)
            torch.save(dict(state), folder / "state.pt")

        name = f"update-{update:06d}"
        self.save_whole(name, write)
        for older in self._complete():
            if older.name < name:
                shutil.rmtree(older)
        return self.checkpoints / name

    def load_checkpoint(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Weights and state of the last checkpoint, or None before the first."""
        found = self._complete()
        if not found:
            return None
        try:
            return load_file(found[-1] / "weights.safetensors"), torch.load(found[-1] / "state.pt", weights_only=True)
        except Exception as error:
            raise RunError(f"checkpoint {found[-1]} is damaged ({error}); nothing was changed") from error

    def _complete(self) -> list[Path]:
        return sorted(self.checkpoints.glob("update-*"))


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`; a torn last line is left out."""
    rows = []
    for line in file.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def save_weights(file: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights so that the file appears whole; tied tensors are written once under each name."""
    partial = file.with_name(f".{file.name}.partial")
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}, partial)
    os.replace(partial, file)


def _write_whole(file: Path, content: bytes) -> None:
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, file)
