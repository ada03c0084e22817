"""What the episode store costs: appending, opening, reading, beside a plain SQLite file with one JSON row an episode.

OMP_NUM_THREADS=1 python benchmarks/store.py --json benchmarks/results/store.json

Both are durable (every batch is on disk when the call returns). The peer keeps no hashes, no checksums and no order.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring.agents.scripted import RandomAgent
from sparring.encoding import episode_from_dict, episode_to_json
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store.store import Store
from sparring.types import Episode

KUHN = "sparring/KuhnPoker-v0"
LARGE, SMALL = 512, 8


def batches(episodes: list[Episode], size: int) -> Iterator[list[Episode]]:
    """The episodes, `size` at a time."""
    return (episodes[start : start + size] for start in range(0, len(episodes), size))


class Ours:
    """The store of this project."""

    def append(self, path: Path, episodes: list[Episode], size: int) -> None:
        with Store(path, "a") as store:
            for batch in batches(episodes, size):
                store.append(batch)

    def open(self, path: Path) -> None:
        Store(path).close()

    def read(self, path: Path) -> list[Episode]:
        with Store(path) as store:
            return list(store)

    def size(self, path: Path) -> int:
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


class Plain:
    """One SQLite file, one JSON text an episode."""

    def append(self, path: Path, episodes: list[Episode], size: int) -> None:
        with closing(self._connect(path)) as db:
            for batch in batches(episodes, size):
                with db:
                    rows = [(episode.id, episode_to_json(episode)) for episode in batch]
                    db.executemany("INSERT INTO episodes VALUES (?, ?)", rows)

    def open(self, path: Path) -> None:
        self._connect(path).close()

    def read(self, path: Path) -> list[Episode]:
        with closing(self._connect(path)) as db:
            return [episode_from_dict(json.loads(text)) for (text,) in db.execute("SELECT text FROM episodes")]

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS episodes (id TEXT UNIQUE, text TEXT)")
        return db


def seconds(action: Callable[[], object], repeats: int) -> float:
    """The median of several runs, wall clock."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def measure(kind: Ours | Plain, folder: Path, episodes: list[Episode], repeats: int) -> dict[str, float]:
    """One kind's figures."""
    path, few, count = folder / "store", episodes[: len(episodes) // 8], len(episodes)

    def fresh(some: list[Episode], size: int) -> None:
        if path.is_dir():
            shutil.rmtree(path)
        for file in folder.glob("store*"):
            file.unlink()
        kind.append(path, some, size)

    small = seconds(lambda: fresh(few, SMALL), repeats)
    large = seconds(lambda: fresh(episodes, LARGE), repeats)
    assert kind.read(path) == episodes
    return {
        f"appended per second, batches of {LARGE}": round(count / large),
        f"appended per second, batches of {SMALL}": round(len(few) / small),
        "read per second": round(count / seconds(lambda: kind.read(path), repeats)),
        "opened, ms": round(1000 * seconds(lambda: kind.open(path), repeats), 1),
        "bytes an episode": round(kind.size(path) / count),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    agents = by_name([RandomAgent(), RandomAgent()])
    episodes = play(rotated_matches(KUHN, list(agents), given.episodes, 0), agents)
    found = {}
    for kind in (Ours(), Plain()):
        with tempfile.TemporaryDirectory() as place:
            found[type(kind).__name__.lower()] = measure(kind, Path(place), episodes, given.repeats)
    table = Table("Kuhn poker, random play", "ours", "plain SQLite", box=None)
    for name in found["ours"]:
        table.add_row(name, str(found["ours"][name]), str(found["plain"][name]))
    Console().print(table)
    if given.json:
        given.json.write_text(json.dumps({"episodes": given.episodes, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
