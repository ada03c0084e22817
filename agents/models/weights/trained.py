"""A run folder as a model: its best checkpoint, and how its weights were trained to play."""

from __future__ import annotations

import json
from pathlib import Path

from sparring.store.sealing import SUMS, require_sealed

AS_TRAINED = ("prompt", "decoding", "temperature", "max_new_tokens")
"""The settings of a run that its weights were trained to play with."""

BESIDE = ("metrics.jsonl", ".lock", "episodes", "checkpoints")
"""What tells a run whose `config.json` is damaged from other folders."""


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run; the `config.json` of a model or an adapter names no method."""
    try:
        written = json.loads((folder / "config.json").read_bytes())
    except OSError:
        return False
    except ValueError:
        written = None
    if isinstance(written, dict):
        return "method" in written and "config" in written
    return any((folder / name).exists() for name in BESIDE)


def run_around(folder: Path) -> Path | None:
    """The run that a folder lies in, at most three levels up; itself is none."""
    return next((parent for parent in list(folder.parents)[:3] if is_run(parent)), None)


def settings_as_trained(run: Path) -> dict[str, object]:
    """Prompt, decoding, temperature and longest answer of a run. Raises ValueError where its settings are damaged."""
    file = run / "config.json"
    try:
        settings = dict(json.loads(file.read_bytes())["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}); nothing was changed") from error
    return {name: settings[name] for name in AS_TRAINED if name in settings}


def best_of(run: Path) -> Path:
    """The best checkpoint of a run. Raises ValueError before the first, and where it is damaged."""
    best = run / "checkpoints" / "best"
    if not best.is_dir():
        raise ValueError(f"{run} has no checkpoint yet ({best} is missing)")
    if (best / SUMS).is_file():
        require_sealed(best)
    return best
