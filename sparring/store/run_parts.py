"""What a run folder has lost: files that must have been there, because other files of the run say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.plurals import number_of
from sparring.store.run_files import CHECKPOINTS, CONFIG, EPISODES, METRICS, POLICIES, checkpoint_name, checkpoints_of

MetricsRow = Mapping[str, Any]
"""A line of `metrics.jsonl`: JSON, with the number of its `update`."""
Rows = Sequence[MetricsRow]
CONSEQUENCES = {
    CONFIG: "the run's method, model and settings are unknown",
    EPISODES: "the games cannot be shown or verified, and the run cannot go on",
    CHECKPOINTS: "the run cannot go on, and its best policy cannot be measured",
    POLICIES: "the policies of the run cannot be shown",
}
"""Part of a run folder -> what cannot be done without it."""


def lost_updates(run: Path, rows: Rows) -> str:
    """Why the figures in `metrics.jsonl` are not those of the whole run; "" where nothing says so.

    A checkpoint is written after the lines of its updates, and `policies.json` after those of all updates.
    """
    held, reached = _updates_in(rows), last_checkpoint(run)
    if held >= reached and (rows or not (run / POLICIES).exists()):
        return ""
    holds = f"holds {number_of(held, 'update') if held else 'no updates'}"
    found = holds if (run / METRICS).exists() else "is missing"
    known = f"{CHECKPOINTS}/{checkpoint_name(reached)}" if reached else POLICIES
    return f"{METRICS} {found}, but {known} says that {reached or 'all'} updates were done"


def lost_parts(run: Path, rows: Rows, settings: Mapping[str, object]) -> Iterator[str]:
    """Every other part that a run must have had, as "NAME is missing: CONSEQUENCE"."""
    for name in _expected(rows, settings):
        if not (run / name).exists():
            yield f"{name} is missing: {CONSEQUENCES[name]}"


def last_checkpoint(run: Path) -> int:
    """The updates that were done when the last checkpoint was written; 0 before the first."""
    counts = (folder.name.removeprefix("update-") for folder in checkpoints_of(run))
    return max((int(count) for count in counts if count.isdecimal()), default=0)


def _expected(rows: Rows, settings: Mapping[str, object]) -> Iterator[str]:
    steps, every = settings.get("steps"), settings.get("checkpoint_every")
    if not rows:
        return
    yield CONFIG
    if not isinstance(steps, int):
        return
    yield EPISODES
    finished = int(rows[-1].get("update", 0)) >= steps
    if finished or (isinstance(every, int) and _updates_in(rows) > every):
        yield CHECKPOINTS
    if finished and any(key.startswith("nash_conv/") for row in rows for key in row):
        yield POLICIES


def _updates_in(rows: Rows) -> int:
    return int(rows[-1].get("update", len(rows) - 1)) + 1 if rows else 0
