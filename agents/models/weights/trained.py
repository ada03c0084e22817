"""A run folder as a model: its best checkpoint, and how its weights were trained to play."""

from __future__ import annotations

from pathlib import Path

from sparring.store.run_files import BEST, CHECKPOINTS, is_run, read_config
from sparring.store.sealing import SUMS, require_sealed

AS_TRAINED = ("agent", "prompt", "decoding", "temperature", "max_new_tokens")
"""The settings of a run that its weights were trained to play with."""


def run_around(folder: Path) -> Path | None:
    """The run that a folder lies in, at most three levels up; itself is none."""
    return next((parent for parent in list(folder.parents)[:3] if is_run(parent)), None)


def settings_as_trained(run: Path) -> dict[str, object]:
    """How a run plays: the settings of `AS_TRAINED`. Raises ValueError where its settings are damaged."""
    settings = read_config(run)["config"]
    return {name: settings[name] for name in AS_TRAINED if name in settings}


def best_of(run: Path) -> Path:
    """The best checkpoint of a run. Raises ValueError before the first, and where it is damaged."""
    best = run / CHECKPOINTS / BEST
    if not best.is_dir():
        raise ValueError(f"{run} has no checkpoint yet ({best} is missing)")
    if (best / SUMS).is_file():
        require_sealed(best)
    return best
