"""`sparring watch`: a run that another process trains, as it goes on."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tyro

from sparring.cli import terminal, training_view
from sparring.start import EXIT_INTERRUPTED
from sparring.store.run_files import metrics_of, read_config
from sparring.store.runs import is_live, state_of

Flag = tyro.conf.FlagCreatePairsOff[bool]
PAUSE = 0.5
"""Seconds between two looks at the run."""


def watch_run(run: tyro.conf.Positional[Path], /, json: Flag = False) -> int:
    """Show a run that is under way, update by update, until it ends. Ctrl-C leaves; the run goes on.

    Args:
        run: A run folder.
        json: Print one JSON line per update instead.
    """
    started = read_config(run)
    steps = int(started["config"].get("steps", 0))
    with training_view.training(steps, quiet=json) as show:
        try:
            for row in follow(run):
                show(row)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
    state = state_of(run, metrics_of(run), steps)
    again = f"; go on with: sparring train {started['method']} --run {shlex.quote(str(run))} --resume"
    terminal.say(f"{run}: {state}{again if state == 'interrupted' else ''}", quiet=json)
    return 0


def follow(run: Path, pause: Callable[[], object] = lambda: time.sleep(PAUSE)) -> Iterator[training_view.Metrics]:
    """Every line of a run's metrics, as they are written, until no process works in the folder any more."""
    seen = 0
    while True:
        live = is_live(run)  # before the lines are read: what is written until the end is not missed
        rows = metrics_of(run)
        seen = min(seen, len(rows))  # a resumed run does its last updates again
        yield from rows[seen:]
        seen = len(rows)
        if not live:
            return
        pause()
