"""One run folder in a line of a table: state, settings, figures and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparring.scoreboard.progress import Figure, main_figure, short_name
from sparring.store.run_files import metrics_of, read_config
from sparring.store.run_parts import last_checkpoint
from sparring.store.runs import losses_of, size_of, state_of, updates_done


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run folder."""

    path: Path
    state: str
    """running, finished, interrupted, or damaged."""
    method: str
    model: str
    games: tuple[str, ...]
    """Environment ids."""
    done: int
    """Updates."""
    steps: int
    """Updates asked for."""
    figure: Figure | None
    """None where nothing was measured."""
    size: int
    """Bytes."""
    damage: str = ""
    """What could not be read or is missing, in words."""


def summarise(run: Path) -> RunSummary:
    """The summary of a run folder; a damaged file is named in it, not raised."""
    try:
        started = read_config(run)
        config = started["config"]
        rows = metrics_of(run)
        steps = int(config.get("steps", 0))
        state = state_of(run, rows, steps)
        done = last_checkpoint(run) if state == "damaged" else updates_done(rows, steps)
        games = tuple(map(str, config.get("games", ())))
    except (ValueError, TypeError, OSError) as error:
        return RunSummary(run, "damaged", "", "", (), 0, 0, None, size_of(run), str(error))
    return RunSummary(
        path=run,
        state=state,
        method=started["method"],
        model=str(config.get("model", "")),
        games=games,
        done=done,
        steps=steps,
        figure=main_figure(rows),
        size=size_of(run),
        damage="; ".join(losses_of(run, rows, config)),
    )


def plain(summary: RunSummary) -> Mapping[str, object]:
    """A summary as JSON shows it."""
    figure = summary.figure
    return {
        "run": str(summary.path),
        "state": summary.state,
        "method": summary.method,
        "model": summary.model,
        "games": list(summary.games),
        "updates": summary.done,
        "steps": summary.steps,
        "figure": figure and figure.key,
        "best": figure and figure.best[1],
        "best_update": figure and figure.best[0],
        "last": figure and figure.last,
        "interval": figure and figure.interval,
        "bytes": summary.size,
        "damage": summary.damage,
    }


def games_in_short(summary: RunSummary) -> str:
    """The first game as people type it, and how many there are beside it."""
    first, *rest = map(short_name, summary.games or ("",))
    return f"{first} +{len(rest)}" if rest else first
