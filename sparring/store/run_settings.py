"""The settings in a run's `config.json`, as everything but their own method reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

KINDS = {"steps": int, "seed": int, "model": str}


def require_settings(file: Path, settings: object) -> dict[str, Any]:
    """The settings. Raises ValueError naming the file, and the setting that nobody could use."""
    if not isinstance(settings, dict):
        raise ValueError(f"{file} is damaged: its settings are no JSON object")
    for name, kind in KINDS.items():
        if name in settings and type(settings[name]) is not kind:
            what = "a whole number" if kind is int else "text"
            raise ValueError(f"{file} is damaged: {name} must be {what}, got {settings[name]!r}")
    games = settings.get("games", [])
    if not isinstance(games, list) or not all(isinstance(game, str) for game in games):
        raise ValueError(f"{file} is damaged: games must be a list of names, got {games!r}")
    return settings
