"""What a store on a PostgreSQL server costs: several writers on one server, reading, copying, beside the folder store.

OMP_NUM_THREADS=1 python benchmarks/store_postgres.py --json benchmarks/results/store_postgres.json

The server runs on this machine with its defaults: fsync and synchronous_commit on. An episode counts when `append` has
returned. The writers' episodes are made before the clock starts; encoding and hashing them is within it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from postgres_server import PostgresServer, running_server
from rich.console import Console
from rich.table import Table

from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store.copying import StoreEnd, copy
from sparring.store.store import Store
from sparring.types import Episode

KUHN = "sparring/KuhnPoker-v0"
WRITERS, BATCHES = (1, 2, 4), (1, 32, 512)
CONTEXT = get_context("fork")


def write(place: Path | str, episodes: list[Episode], size: int, ready: Barrier, results: Any) -> None:
    """One writer: (began, ended, seconds of every append)."""
    with Store(place, "a") as store:
        ready.wait()
        began, appends = time.monotonic(), []
        for start in range(0, len(episodes), size):
            before = time.monotonic()
            store.append(episodes[start : start + size])
            appends.append(time.monotonic() - before)
        results.put((began, time.monotonic(), appends))


def appended(place: Path | str, episodes: list[Episode], writers: int, size: int) -> dict[str, float]:
    """Episodes a second over all writers, and how long an append took; all of them must be there once."""
    Store(place, "a").close()
    ready, results = CONTEXT.Barrier(writers), CONTEXT.Queue()
    processes = [
        CONTEXT.Process(target=write, args=(place, episodes[number::writers], size, ready, results))
        for number in range(writers)
    ]
    for process in processes:
        process.start()
    told = [results.get() for _ in processes]
    for process in processes:
        process.join()
    seconds = max(ended for _, ended, _ in told) - min(began for began, _, _ in told)
    with Store(place) as store:
        assert {row.hash for row in store.rows()} == {episode.hash for episode in episodes}
        assert store.count == len(episodes)
    appends = sorted(1000 * taken for _, _, all_taken in told for taken in all_taken)
    return {
        "writers": writers,
        "batch": size,
        "episodes per second": round(len(episodes) / seconds),
        "append, median ms": round(statistics.median(appends), 1),
        "append, 99th percentile ms": round(appends[int(0.99 * (len(appends) - 1))], 1),
    }


def measure_writing(server: PostgresServer, folder: Path, episodes: list[Episode]) -> Iterator[dict[str, Any]]:
    """Rows by kind of store, writers and batch."""
    for kind in ("postgres", "folder"):
        for size in BATCHES:
            some = episodes if size > 1 else episodes[: len(episodes) // 8]
            for writers in WRITERS:
                name = f"{kind}_{size}_{writers}"
                place = server.url(name) if kind == "postgres" else folder / name
                yield {"store": kind, **appended(place, some, writers, size)}


@contextmanager
def clock(found: dict[str, float], name: str, count: int) -> Iterator[None]:
    """Notes how many episodes a second something made."""
    began = time.monotonic()
    yield
    found[name] = round(count / (time.monotonic() - began))


def measure_rest(server: PostgresServer, folder: Path, count: int) -> dict[str, float]:
    """Reading and copying, of the store that four writers filled in batches of 32, and opening it."""
    url, found = server.url("postgres_32_4"), dict[str, float]()
    began = time.monotonic()
    Store(url).close()
    found["opened, ms"] = round(1000 * (time.monotonic() - began), 1)
    with Store(url) as store:
        with clock(found, "read per second", count):
            assert sum(1 for _ in store) == count
        with Store(folder / "copy", "a") as target, clock(found, "copied to a folder per second", count):
            copy(StoreEnd(store), StoreEnd(target))
    with Store(folder / "copy") as store, Store(server.url("back"), "a") as target:
        with clock(found, "copied to a server per second", count):
            copy(StoreEnd(store), StoreEnd(target))
        assert target.root() == store.root()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8192)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    agents = by_name([RandomAgent(), RandomAgent()])
    episodes = play(rotated_matches(KUHN, list(agents), given.episodes, 0), agents)
    with running_server() as server, tempfile.TemporaryDirectory() as place:
        rows = list(measure_writing(server, Path(place), episodes))
        rest = measure_rest(server, Path(place), given.episodes)
    table = Table(*rows[0], box=None, title="Kuhn poker, random play")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    Console().print(rest)
    if given.json:
        figures = {"episodes": given.episodes, "writing": rows, "of a server": rest}
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
