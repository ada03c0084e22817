"""Agents by what a person writes: a spec, or a run folder, whose best checkpoint then plays as it was trained."""

from __future__ import annotations

from pathlib import Path

from sparring import registry
from sparring.protocols import Agent
from sparring.specs import parse_spec
from sparring.store.run_files import is_run


def make(spec: str, **extra: object) -> Agent:
    """The agent of a spec or a run folder; `extra` goes to the builder of a spec. Raises UnknownName, ValueError."""
    folder = Path(spec)
    if is_run(folder):
        return registry.agents.make("model", argument=spec)
    if (folder / "config.json").is_file():
        raise ValueError(f"{spec!r} is a model's folder, not a run's: write model:{spec}")
    if ("/" in spec and ":" not in spec) or folder.is_dir():
        raise ValueError(f"{spec!r} is neither an agent nor a run folder: it has no config.json")
    player = registry.make_agent(spec, **extra)
    if parse_spec(spec).options:
        player.name = spec  # type: ignore[misc]  # what takes options can be renamed
    return player
