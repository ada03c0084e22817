"""`sparring store reindex`: a store's index, built again from its segments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import tyro

from sparring.cli import parsing, terminal
from sparring.plurals import number_of
from sparring.store import store as stores
from sparring.store.run_files import episodes_of

Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()


@app.command
def reindex(run: tyro.conf.Positional[Path], /, json: Flag = False) -> int:
    """Build the index of a store again from its segments, which hold every episode and every column.

    The old index is kept beside it as index.sqlite.old-1, -2 and so on. Exit code 1 if part of the segments is damaged.

    Args:
        run: A run folder, or a store.
        json: Print JSON.
    """
    rebuilt = stores.reindex(episodes_of(run))
    if json:
        terminal.dump(asdict(rebuilt))
    else:
        frames = number_of(rebuilt.frames, "frame")
        terminal.say(f"in the index now: {number_of(rebuilt.episodes, 'episode')} in {frames}")
        for damage in rebuilt.damaged:
            terminal.complain(damage)
    return int(bool(rebuilt.damaged))
