"""The files of a run folder: what they are called, and the one way to read each. A run's trainer writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from sparring.store.location import Location, Server

CONFIG, METRICS, POLICIES = "config.json", "metrics.jsonl", "policies.json"
EPISODES, CHECKPOINTS, BEST = "episodes", "checkpoints", "best"
LOCK = ".lock"
"""The file that a working process has locked."""
FORMAT = 3
READABLE = (1, 2, 3)
"""Formats whose settings can be read; only runs of the last one can go on."""
KINDS = {"steps": int, "seed": int, "model": str}
"""Settings that others than their own method use."""


class RunError(ValueError):
    """A run folder that cannot be used as asked; the message says why and what would work."""


class Started(TypedDict):
    """What `config.json` holds: what a run was started with."""

    format: int
    method: str
    config: dict[str, Any]
    """The method's settings."""
    schedule: NotRequired[object]
    made_with: NotRequired[Mapping[str, object]]
    """Time, versions, source commit, hardware."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run: its `config.json` names a method, as that of a model does not.

    Where that file is damaged, a lock, metrics, episodes or checkpoints beside it tell; where it is lost, or says
    something else, the metrics and one of the others.
    """
    beside = [name for name in (METRICS, LOCK, EPISODES, CHECKPOINTS) if (folder / name).exists()]
    try:
        written = json.loads((folder / CONFIG).read_bytes())
    except OSError:
        written = {}
    except ValueError:
        return bool(beside)
    named = isinstance(written, dict) and "method" in written and "config" in written
    return named or (METRICS in beside and len(beside) > 1)


def read_config(run: Path) -> Started:
    """What a run was started with. Raises RunError where the folder is no run, damaged, or of an unknown format."""
    file = run / CONFIG
    if not file.is_file():
        what = "is damaged" if is_run(run) else "is not a run folder"
        raise RunError(f"{run} {what}: it has no {CONFIG}")
    try:
        written = json.loads(file.read_bytes())
        format, method, settings = written["format"], written["method"], written["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged: it must hold format, method and config ({error!r})") from error
    if format not in READABLE:
        raise RunError(f"{run} was written in run format {format}, this version reads format {FORMAT}")
    if not isinstance(method, str):
        raise RunError(f"{file} is damaged: method must be text, got {method!r}")
    _require_settings(file, settings)
    started: Started = written
    return started


def _require_settings(file: Path, settings: object) -> None:
    """Raises RunError naming the setting that nobody could use."""
    if not isinstance(settings, dict):
        raise RunError(f"{file} is damaged: its settings are no JSON object")
    for name, kind in KINDS.items():
        if name in settings and type(settings[name]) is not kind:
            what = "a whole number" if kind is int else "text"
            raise RunError(f"{file} is damaged: {name} must be {what}, got {settings[name]!r}")
    games = settings.get("games", [])
    if not isinstance(games, list) or not all(isinstance(game, str) for game in games):
        raise RunError(f"{file} is damaged: games must be a list of names, got {games!r}")


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics so far; none before the first. Raises RunError naming a damaged line."""
    file = run / METRICS
    return read_metrics(file) if file.exists() else []


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`, without a torn last one. Raises RunError naming a line damaged before it."""
    *lines, tail = file.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        row = _metrics_row(line)
        if row is not None:
            rows.append(row)
        elif tail or number < len(lines):
            raise RunError(f"{file} line {number} is damaged: it is no JSON object of an update")
    return rows


def _metrics_row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and type(row.get("update")) is int else None


def policies_of(run: Path) -> dict[str, Any]:
    """The policies of a finished run, by environment; none where it wrote none. Raises RunError for a damaged file."""
    file = run / POLICIES
    if not file.is_file():
        return {}
    try:
        written = json.loads(file.read_bytes())
    except ValueError as error:
        raise RunError(f"{file} is damaged: {error}") from error
    if not isinstance(written, dict):
        raise RunError(f"{file} is damaged: it must hold a JSON object")
    return written


def episodes_of(path: Location) -> Location:
    """The store of a run folder; of a store, itself."""
    if isinstance(path, Server):
        return path
    return path / EPISODES if (path / EPISODES).is_dir() else path


def checkpoint_name(updates: int) -> str:
    """The folder in `checkpoints/` of the checkpoint after so many updates."""
    return f"update-{updates:06d}"


def checkpoints_of(run: Path) -> list[Path]:
    """Every checkpoint of a run, oldest first, `best` apart."""
    return sorted((run / CHECKPOINTS).glob("update-*"))
