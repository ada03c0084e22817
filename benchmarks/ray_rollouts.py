"""Rollouts on workers of a Ray cluster: what two give over one, what a match costs, what a killed worker and node cost.

    python benchmarks/ray_rollouts.py                            ScienceWorld (Java) and Kuhn poker, a few minutes
    python benchmarks/ray_rollouts.py --json benchmarks/results/ray_rollouts.json

Every cluster is made of nodes on this machine: a head that plays nothing, and nodes of one CPU. One worker and two are
measured in turn, so that other work on the machine meets both; CPU seconds are those of this process and of all of
Ray's. Needs the extras "ray" and "scienceworld".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from sparring.agents import make
from sparring.cluster.connection import HEALTH
from sparring.cluster.workers import RayWorkers
from sparring.rollout.loop import Event, Match, play
from sparring.scoreboard.matches import play_rows
from sparring.store.store import Store

TICKS = os.sysconf("SC_CLK_TCK")
STORE_BYTES = 100 * 2**20
SLOW, FAST = "sparring/ScienceWorld-v0", "sparring/KuhnPoker-v0"
Figures = dict[str, float | int | str | list[float]]


def cluster_of(nodes: int) -> Cluster:
    """A head without CPUs and nodes of one CPU each, which this process is connected to."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES, "_system_config": HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes):
        cluster.last = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    ray.init(cluster.address, log_to_driver=False, logging_level="CRITICAL")
    return cluster


@contextmanager
def crew(count: int) -> Iterator[RayWorkers]:
    """So many workers, all of which have joined."""
    workers = RayWorkers(count)
    while sum(map(len, workers.pids.values())) < count:
        play(kuhn(64, "joining"), pool=workers)
    yield workers
    workers.close()


def kuhn(count: int, name: str) -> list[Match]:
    """Games between random players."""
    seats = {"player_0": "random", "player_1": "random"}
    return [Match(f"{name}/{index}", FAST, seats, index) for index in range(count)]


def science(count: int, name: str) -> list[Match]:
    """Tasks of ScienceWorld by a random player."""
    return [Match(f"{name}/{index}", SLOW, {"player_0": "random"}, index, max_steps=60) for index in range(count)]


def tree_cpu_seconds() -> float:
    """Of this process and everything below it that runs: head, raylets, workers, their engines."""
    parents, spent = dict[int, int](), dict[int, float]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        spent[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / TICKS
    total = 0.0
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        total += spent[process] if above == os.getpid() else 0.0
    return total


def speedup(rounds: int, tasks: int) -> Figures:
    """Seconds of one worker and of two, in turn; engines run already when the clock starts."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    loads = []
    crews = {}
    for count in seconds:
        crews[count] = RayWorkers(count)
        play(science(8, f"warm-{count}"), pool=crews[count])
        play(science(8, f"warmer-{count}"), pool=crews[count])
    for _ in range(rounds):
        for count, workers in crews.items():
            loads.append(os.getloadavg()[0])
            started = time.perf_counter()
            episodes = play(science(tasks, "slow"), pool=workers)
            seconds[count].append(time.perf_counter() - started)
            assert all(episode.error is None for episode in episodes)
    for workers in crews.values():
        workers.close()
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    return {
        "tasks": tasks,
        "one_worker_seconds": seconds[1],
        "two_workers_seconds": seconds[2],
        "ratios": ratios,
        "median_ratio": statistics.median(ratios),
        "load": loads,
    }


def overhead(games: int) -> Figures:
    """CPU milliseconds a game, here and on two workers."""
    matches = kuhn(games, "fast")
    play(matches[:500])
    before = tree_cpu_seconds()
    play(matches)
    here = tree_cpu_seconds() - before
    with crew(2) as workers:
        play(matches[:2000], pool=workers)
        before = tree_cpu_seconds()
        play(matches, pool=workers)
        there = tree_cpu_seconds() - before
    milliseconds = [1e3 * spent / games for spent in (here, there, there - here)]
    return dict(zip(("here_ms", "workers_ms", "overhead_ms"), milliseconds, strict=True)) | {"games": games}


def killed(games: int, kill: Callable[[RayWorkers], None]) -> Figures:
    """A run in which something dies after the first games, against the quiet run before it."""
    with tempfile.TemporaryDirectory() as folder, crew(2) as workers:
        quiet_root, quiet, _ = stored(Path(folder, "quiet"), games, workers, lambda: None)
        root, seconds, episodes = stored(Path(folder, "killed"), games, workers, lambda: kill(workers))
        return {
            "games": games,
            "episodes": episodes,
            "played_again": workers.played_again,
            "same_root": str(root == quiet_root),
            "quiet_seconds": quiet,
            "seconds": seconds,
            "more_seconds": seconds - quiet,
        }


def stored(folder: Path, games: int, workers: RayWorkers, strike: Callable[[], None]) -> tuple[str, float, int]:
    """Root, seconds and episodes of a run; `strike` comes when its first game is over."""
    struck: list[float] = []

    def hear(event: Event) -> None:
        if event.kind == "done" and not struck:
            started = time.perf_counter()
            strike()
            struck.append(time.perf_counter() - started)

    with Store(folder, "a") as store:
        started = time.perf_counter()
        play_rows(kuhn(games, "kill"), {"random": make("random")}, store, hear, workers)
        return store.root(), time.perf_counter() - started, len(store)


def kill_a_worker(workers: RayWorkers) -> None:
    """With SIGKILL."""
    os.kill(next(iter(next(iter(workers.pids.values())))), signal.SIGKILL)


def main() -> None:
    """Measure, show, and write what `--json` names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=32)
    asked = parser.parse_args()
    cluster = cluster_of(3)
    found: dict[str, Figures | str] = {"ray": ray.__version__, "machine": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    found["speedup"] = speedup(asked.rounds, asked.tasks)
    found["overhead"] = overhead(20_000)
    found["killed_worker"] = killed(5_000, kill_a_worker)
    ray.shutdown()
    cluster.shutdown()
    cluster = cluster_of(2)
    found["killed_node"] = killed(5_000, lambda workers: cluster.remove_node(cluster.last, allow_graceful=False))
    ray.shutdown()
    cluster.shutdown()
    text = json.dumps(found, indent=1)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
