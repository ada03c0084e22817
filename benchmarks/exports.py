"""What an export costs: MB a second of each format, beside the plain writing of the very same rows.

OMP_NUM_THREADS=1 python benchmarks/exports.py --json benchmarks/results/exports.json

An export reads a store, checks every hash and lays the rows out anew. The peer has the finished rows in memory and only
writes them: `json.dumps` and a file for lines, `datasets` for tables. CPU time, best of several runs; MB are 10^6 bytes
of the output, and of the episodes' JSON for "read".
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import datasets
from rich.console import Console
from rich.table import Table

from sparring.encoding import episode_to_json
from sparring.exports.exporting import export
from sparring.exports.formats import FORMATS, Format
from sparring.exports.selection import Selection
from sparring.exports.writing import NoRows
from sparring.rollout.loop import Match, play
from sparring.store.store import Store

GAMES = {"KuhnPoker": ("player_0", "player_1"), "ToolTasks": ("player_0",), "TicTacToe": ("player_0", "player_1")}


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one format on one store."""

    store: str
    format: str
    megabytes: float
    export: float
    """MB of output a second."""
    plain: float
    """The same of the peer."""
    read: float
    """MB of the episodes' JSON that the export took in a second."""


def recorded(folder: Path, game: str, episodes: int) -> Path:
    """A store of games that nano played."""
    seats = dict.fromkeys(GAMES[game], "nano")
    matches = [Match(f"g/{n}/{k}", f"sparring/{game}-v0", seats, n, sample=k) for n in range(episodes) for k in (0, 1)]
    with Store(folder / game, "a") as store:
        store.append(play(matches))
    return folder / game


def seconds(action: Callable[[], object], repeats: int) -> float:
    """CPU time of the best run."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        taken.append(time.process_time() - started)
    return min(taken)


def size_of(output: Path) -> int:
    """Bytes of a file or folder."""
    return sum(file.stat().st_size for file in [output, *output.rglob("*")] if file.is_file())


def plain(rows: list[dict[str, object]], format: Format, output: Path) -> None:
    """The peer."""
    if format.name in ("verl", "parquet", "hf-dataset"):
        datasets.Dataset.from_list(rows).to_parquet(output)
        return
    with output.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def measure(run: Path, format: Format, repeats: int) -> Speed | None:
    """The figures of a format; None where the store has no rows for it."""
    with tempfile.TemporaryDirectory() as place, Store(run) as store:
        output = Path(place) / "out"
        text = sum(len(episode_to_json(episode)) for episode in store)

        def once() -> None:
            shutil.rmtree(output) if output.is_dir() else output.unlink(missing_ok=True)
            export(Selection(store, agent="nano"), format, output)

        try:
            once()
        except NoRows:
            return None
        ours = seconds(once, repeats)
        rows = [dict(row) for row in format.rows(Selection(store, agent="nano"))]
        peer = Path(place) / "peer"
        theirs = seconds(lambda: plain(rows, format, peer), repeats)
        megabytes = size_of(output) / 1e6
        return Speed(
            run.name, format.name, megabytes, megabytes / ours, size_of(peer) / 1e6 / theirs, text / 1e6 / ours
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=300, help="tasks of each store, two attempts each")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as place:
        runs = [recorded(Path(place), game, given.episodes) for game in GAMES]
        found = [speed for run in runs for one in FORMATS.values() if (speed := measure(run, one, given.repeats))]
    table = Table("store", "format", "MB", "export, MB/s", "rows alone, MB/s", "read, MB/s", box=None)
    for speed in found:
        figures = (speed.megabytes, speed.export, speed.plain, speed.read)
        table.add_row(speed.store, speed.format, *(f"{figure:.1f}" for figure in figures))
    Console().print(table)
    if given.json:
        given.json.write_text(json.dumps([asdict(speed) for speed in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
