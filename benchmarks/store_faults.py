"""What the episode store loses, and what it hides, when it is killed and damaged: both must be nothing.

python benchmarks/store_faults.py --json benchmarks/results/store_faults.json

20 kills of a writer at random moments, in a folder and on a PostgreSQL server; 5 kills of that server with a writer at
work, who must go on; 300 flipped bits over segments, index, write-ahead log and marker; 100 truncations of the same
files; the index deleted. After each the store is opened and everything is read:

    intact      every acknowledged episode and column is there, once, with the same root
    noticed     an error, and nothing was deleted; after `reindex` (index, log) every acknowledged episode is there
    LOST        an acknowledged episode is gone for good although the segments were not touched
    SILENT      other contents than were acknowledged, without an error

Exit code 1 if anything is lost or silent.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from postgres_server import PostgresServer, running_server
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store.store import DamagedStore, Store, StoreVersionError, reindex

KUHN = "sparring/KuhnPoker-v0"
PARTS = ("segments", "index.sqlite", "index.sqlite-wal", "store.json")
MOST_HELD = 200
"""Batches of which a writer may have told before `between`, unread yet: more than a pipe holds."""
Contents = tuple[str, dict[str, str], dict[str, float]]
WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from store_faults import Store, new_episodes
with Store(sys.argv[1], "a") as store:
    for number in range(100_000):
        batch = new_episodes(store.count, 5)
        store.append(batch)
        print(*(f"{episode.id}={episode.hash}" for episode in batch), flush=True)
        if number % 10 == 0:
            store.put_columns("faults", "advantage", {batch[0].id: number / 7})
"""


def new_episodes(first: int, count: int) -> list:
    """Played games whose ids go on from `first`."""
    players = [RandomAgent(), RandomAgent()]
    agents = by_name(players)
    return play(rotated_matches(KUHN, list(agents), first + count, 0)[first:], agents)


def write_until_killed(place: Path | str, batches: int, between: Callable[[], None] | None = None) -> dict[str, str]:
    """A writer that is killed after it has acknowledged some batches: id -> hash of what it acknowledged.

    `between` happens after them, and the writer must acknowledge more.
    """
    command = [sys.executable, "-c", WRITER, str(place), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = "".join(process.stdout.readline() for _ in range(batches))
    if between is not None:
        between()
        said += "".join(process.stdout.readline() for _ in range(batches + MOST_HELD))
        assert process.poll() is None, "the writer gave up"
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].rpartition("\n")[0]
    return dict(word.split("=") for word in f"{said} {rest}".split())


def read(path: Path | str, mode: Literal["r", "a"]) -> Contents:
    """Everything in the store, decoded."""
    with Store(path, mode) as store:
        assert len({row.id for row in store.rows()}) == store.count, "an episode is there twice"
        return store.root(), {episode.id: episode.hash for episode in store}, store.columns("faults", "advantage")


def kills(place: Path | str, count: int, moments: random.Random) -> Counter[str]:
    """Kill a writer again and again; everything it acknowledged must be there."""
    outcomes: Counter[str] = Counter()
    acknowledged: dict[str, str] = {}
    for number in track(range(count), "kills"):
        acknowledged |= write_until_killed(place, moments.randrange(1, 12))
        _, stored, _ = read(place, "a" if number % 2 else "r")
        outcomes["intact" if acknowledged.items() <= stored.items() else "LOST"] += 1
    return outcomes


def server_kills(server: PostgresServer, count: int, moments: random.Random) -> Counter[str]:
    """Kill a server again and again while a writer works; everything the writer was told must be there."""
    outcomes: Counter[str] = Counter()
    acknowledged: dict[str, str] = {}

    def kill() -> None:
        server.stop(signal.SIGKILL)
        server.start()

    for number in track(range(count), "kills of the server"):
        acknowledged |= write_until_killed(server.url("server_killed"), moments.randrange(1, 12), kill)
        _, stored, _ = read(server.url("server_killed"), "a" if number % 2 else "r")
        outcomes["intact" if acknowledged.items() <= stored.items() else "LOST"] += 1
    return outcomes


def damage(
    folder: Path, part: str, count: int, change: Callable[[bytearray, random.Random], None], moments: random.Random
) -> Counter[str]:
    """Damage one part of a copy of the store, read it, and rebuild the index where that is the way out."""
    outcomes: Counter[str] = Counter()
    truth, copy = read(folder / "twin", "r"), folder / "copy"
    for number in track(range(count), part):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "killed", copy)
        target = copy / part
        target = moments.choice(sorted(target.glob("*.zst"))) if target.is_dir() else target
        content = bytearray(target.read_bytes())
        change(content, moments)
        target.write_bytes(content)
        outcomes[outcome(copy, truth, "a" if number % 2 else "r", part)] += 1
    return outcomes


def outcome(copy: Path, truth: Contents, mode: Literal["r", "a"], part: str) -> str:
    """What came of a damage, see above."""
    before = sum(file.stat().st_size for file in (copy / "segments").iterdir())
    try:
        return "intact" if read(copy, mode) == truth else "SILENT"
    except (DamagedStore, StoreVersionError):
        pass
    if sum(file.stat().st_size for file in (copy / "segments").iterdir()) < before:
        return "LOST"
    if part.startswith("index"):
        reindex(copy)
        if read(copy, mode) != truth:
            return "LOST"
    return "noticed"


def flip(content: bytearray, moments: random.Random) -> None:
    """One bit."""
    bit = moments.randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8


def truncate(content: bytearray, moments: random.Random) -> None:
    """Everything from some byte on."""
    del content[moments.randrange(len(content)) :]


def delete_index(folder: Path) -> Counter[str]:
    """Index and log gone: refused in both modes, and all there after `reindex`."""
    truth, outcomes = read(folder / "twin", "r"), Counter[str]()
    modes: tuple[Literal["r", "a"], ...] = ("r", "a")
    for mode in modes:
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "killed", copy)
        for file in copy.glob("index.sqlite*"):
            file.unlink()
        outcomes[outcome(copy, truth, mode, "index.sqlite")] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--flips", type=int, default=300, help="over all four parts")
    parser.add_argument("--truncations", type=int, default=100, help="over all four parts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    moments = random.Random(given.seed)
    rows: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows["kills of a writer"] = kills(folder / "killed", given.kills, moments)
        write_until_killed(folder / "killed", 7)  # leaves a log that is not folded
        shutil.copytree(folder / "killed", folder / "twin")
        for what, change, total in (("bits flipped", flip, given.flips), ("truncations", truncate, given.truncations)):
            for part in PARTS:
                rows[f"{what}, {part}"] = damage(folder, part, total // len(PARTS), change, moments)
        rows["index deleted"] = delete_index(folder)
    with running_server() as server:
        rows["kills of a writer, PostgreSQL"] = kills(server.url("killed"), given.kills, moments)
        rows["kills of the server"] = server_kills(server, given.server_kills, moments)
    table = Table("damage", "intact", "noticed", "LOST", "SILENT", box=None)
    for what, row in rows.items():
        table.add_row(what, *(str(row[name]) for name in ("intact", "noticed", "LOST", "SILENT")))
    Console().print(table)
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, "rows": rows}, indent=1) + "\n")
    return int(any(row["LOST"] or row["SILENT"] for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
