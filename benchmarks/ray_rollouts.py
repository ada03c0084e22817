"""Rollouts on workers of a Ray cluster: what two give over one, what a match costs, what a killed worker and node cost.

    python benchmarks/ray_rollouts.py                            a few minutes
    python benchmarks/ray_rollouts.py --json benchmarks/results/ray_rollouts.json

Slow rollouts are HumanEval's problems, each graded in the sandbox. Every cluster is made of nodes on this machine: a
head that plays nothing, and nodes of one CPU. There every worker, with its sandboxes, is kept on one CPU, as it would
be on a machine of its own. One worker and two are measured in turn, and so are one and two plain processes, which say
what the machine has to give while others use it too. CPU seconds are those of this process and of all of Ray's. Needs
two CPUs, and the extras "ray" and "code".
"""

from __future__ import annotations

import argparse
import json
import multiprocessing.pool
import os
import platform
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from sparring.agents import make
from sparring.agents.scripted import ScriptedAgent
from sparring.cluster.slices import WEIGHT
from sparring.cluster.workers import RayWorkers
from sparring.envs.code.human_eval import problems
from sparring.rollout.loop import Event, Match, play
from sparring.scoreboard.matches import play_rows
from sparring.store.store import Store
from sparring.types import Observation, Reply

HEALTH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 5,
}
"""A head that finds out within 3 seconds that a machine is gone."""
TICKS = os.sysconf("SC_CLK_TCK")
STORE_BYTES = 100 * 2**20
FAST = "sparring/KuhnPoker-v0"
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
    """So many workers, for as long as they are needed."""
    workers = joined(count)
    yield workers
    workers.close()


def joined(count: int) -> RayWorkers:
    """So many workers, all of which are there."""
    workers = RayWorkers(count)
    while sum(map(len, workers.pids.values())) < count:
        play(kuhn(64, "joining"), pool=workers)
    return workers


def kuhn(count: int, name: str) -> list[Match]:
    """Games between random players."""
    seats = {"player_0": "random", "player_1": "random"}
    return [Match(f"{name}/{index}", FAST, seats, index) for index in range(count)]


def programs(count: int, name: str) -> list[Match]:
    """Problems of HumanEval by one who knows the solutions."""
    env_id = "sparring/HumanEval-v0"
    return [Match(f"{name}/{index}", env_id, {"player_0": "solver"}, index % 64) for index in range(count)]


class Solver(ScriptedAgent):
    """Hands in the data set's own solution."""

    def __init__(self) -> None:
        super().__init__("solver")

    async def act(self, observation: Observation) -> Reply:
        """The program of the problem that is shown."""
        shown = " ".join(observation.text.split())
        problem = next(problem for problem in problems() if " ".join(problem.prompt.split()) in shown)
        return Reply(f"<answer>{problem.prompt}{problem.canonical_solution}</answer>")


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
    """Seconds of one worker and of two, and of one and two plain processes, in turn; all are warm before the clock."""
    play_programs(programs(8, "warm"))
    crews = {count: joined(count) for count in (1, 2)}
    for workers in crews.values():
        for number, process in enumerate(sorted(*workers.pids.values())):
            os.sched_setaffinity(process, {number})
    pools = {count: multiprocessing.get_context("spawn").Pool(count, pin) for count in (1, 2)}
    ways: dict[str, Callable[[list[Match]], object]] = {}
    for count in (1, 2):
        ways[f"workers_{count}"] = partial(play_programs, pool=crews[count])
        ways[f"processes_{count}"] = partial(play_in_processes, pools[count])
    for way in ways.values():
        way(programs(64, "warm"))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    loads = []
    for _ in range(rounds):
        loads.append(os.getloadavg()[0])
        for name, way in ways.items():
            started = time.perf_counter()
            way(programs(tasks, "slow"))
            seconds[name].append(time.perf_counter() - started)
    for workers in crews.values():
        workers.close()
    for pool in pools.values():
        pool.terminate()
    ratios = {
        kind: [one / two for one, two in zip(seconds[f"{kind}_1"], seconds[f"{kind}_2"], strict=True)]
        for kind in ("workers", "processes")
    }
    medians = {f"{kind}_median": statistics.median(ratios[kind]) for kind in ratios}
    return {"tasks": tasks, "load": loads, **seconds, **{f"{kind}_ratios": ratios[kind] for kind in ratios}, **medians}


def pin() -> None:
    """Keep this process and its children on one CPU; the next process gets another one."""
    os.sched_setaffinity(0, {multiprocessing.current_process()._identity[0] % 2})


def play_programs(matches: list[Match], pool: RayWorkers | None = None) -> None:
    """Here, or on the workers."""
    assert all(episode.error is None for episode in play(matches, {"solver": Solver()}, pool=pool))


def play_in_processes(pool: multiprocessing.pool.Pool, matches: list[Match]) -> None:
    """Without Ray: what two processes give over one on this machine at this time. Slices as the workers get them."""
    pool.map(play_programs, [matches[start : start + WEIGHT] for start in range(0, len(matches), WEIGHT)], 1)


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
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--tasks", type=int, default=320)
    asked = parser.parse_args()
    cluster = cluster_of(3)
    found: dict[str, Figures | str] = {
        "ray": ray.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }
    found["overhead"] = overhead(20_000)
    found["human_eval"] = speedup(asked.rounds, asked.tasks)
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
