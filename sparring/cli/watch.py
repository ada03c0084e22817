"""`sparring watch`: runs that other processes train, as they go on: in the terminal, or as a page."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import tyro

from sparring.addresses import url_of
from sparring.cli import terminal, training_view
from sparring.start import EXIT_INTERRUPTED
from sparring.store.run_files import metrics_of, read_config
from sparring.store.runs import is_live, state_of

Flag = tyro.conf.FlagCreatePairsOff[bool]
PAUSE = 0.5
"""Seconds between two looks at the run."""


def watch_run(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    /,
    page: Flag = False,
    host: str = "127.0.0.1",
    port: int = 0,
    json: Flag = False,
) -> int:
    """Show a run that is under way, update by update, until it ends; or runs as a live page. Ctrl-C leaves; they go on.

    Args:
        runs: A run folder; with --page several, or stores.
        page: Serve the report, to which new points and episodes come by themselves, to a browser on this machine.
        host: With --page, the address; another than this machine's own shows the page to whoever can reach it.
        port: With --page, the port; 0: any that is free.
        json: Print one JSON line per update instead.
    """
    if page:
        return _serve(runs, host, port)
    if len(runs) != 1:
        raise ValueError(f"name one run folder, or add --page to see several, got {len(runs)}")
    return _watch_one(runs[0], json)


def _serve(runs: tuple[Path, ...], host: str, port: int) -> int:
    from sparring.scoreboard.evaluate import load_for_report
    from sparring.scoreboard.live.server import serve

    if not runs:
        raise ValueError("name at least one run folder or store")
    if not 0 <= port < 2**16:
        raise ValueError(f"port must be in 0..65535, got {port}")
    for run in runs:
        load_for_report(run)
    with serve(runs, host, port) as server:
        terminal.say(f"{url_of(host, server.server_port)}/ shows {', '.join(map(str, runs))} until Ctrl-C")
        with suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=PAUSE)
    return 0


def _watch_one(run: Path, json: bool) -> int:
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
