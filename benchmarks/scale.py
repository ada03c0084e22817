"""Where a run on many GPUs would wait: a simulation with measured costs.

    python benchmarks/scale.py --measure --json benchmarks/results/scale.json

    players ─► store ─► leader ─► learners ─► new weights ─► players

Every player (a GPU with an engine) plays the games of one measured update, as one request, with the weights that it
has; a store with one writer keeps them; when all players' games of an update are there, the leader makes a batch of
them, which is not shared out, and the learners take the step, which is; then the weights go to the players. With
`ahead` 0 games are played with the newest weights, as Sparring does today; with 1 the next games are played during the
step, with weights that are one update old.

Costs come from `benchmarks/results/` and from `--measure` (the leader's work, CPU seconds of this machine); the network
is assumed (`--network`, GB/s of each GPU). Times are drawn from what was measured, so the spread is that of the
measurement. What is left out: faults, slow machines, and that many players share a machine's processors.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
GAMES = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0")
PARAMETERS = 134_515_008
"""Of SmolLM2, which all measured costs are of."""
PROMPT = "bracket"
FP32, BF16 = 4, 2
PACK = 8192
"""Tokens of a pass on a GPU."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, measured with one GPU and the games of one request."""

    games: int
    """Of a request."""
    play: tuple[float, ...]
    """Of a request, every measured one."""
    learn: tuple[float, ...]
    """Of an update with the games of one request on one GPU, the leader's part included."""
    nodes: float
    """Tokens that such an update learns from."""
    batch: float = 0.0
    """The leader's part: signals, batch, packs."""
    store: float = 0.0
    """Of an episode, in batches of 512."""
    engine: float = 0.0
    """New weights in an engine, after they have arrived."""
    network: float = 50.0
    """GB/s of each GPU: assumed."""

    def step(self, learners: int, requests: int, learn: float) -> float:
        """Seconds of the learners for the games of several requests; `learn`: a measured one.

        For each pass weights are gathered twice and gradients summed once (FSDP), which moves 3 (1 - 1/learners) times
        the weights; passes are whole, and the last ones may leave learners idle.
        """
        passes = math.ceil(requests * self.nodes / PACK)
        one_pass = max(learn - self.batch, 0.0) / (self.nodes / PACK)
        moved = 3 * FP32 * PARAMETERS * (1 - 1 / learners) / (1e9 * self.network)
        return math.ceil(passes / learners) * (one_pass + moved)

    def sync(self, players: int) -> float:
        """Seconds until all players have new weights, which go from one to the next."""
        return BF16 * PARAMETERS / (1e9 * self.network) * (1 if players > 1 else 0) + self.engine


@dataclass(slots=True)
class Station:
    """Servers that serve whoever came first."""

    servers: int
    busy: float = 0.0
    """Seconds, of all servers together."""
    _free: list[float] = field(default_factory=list)

    def serve(self, arrival: float, seconds: float) -> tuple[float, float]:
        """When somebody's service begins and ends; arrivals are given in their order."""
        free = heapq.heappop(self._free) if len(self._free) == self.servers else 0.0
        begin = max(arrival, free)
        heapq.heappush(self._free, begin + seconds)
        self.busy += seconds
        return begin, begin + seconds


@dataclass(frozen=True, slots=True)
class Row:
    """What a setting came to."""

    gpus: int
    players: int
    learners: int
    ahead: int
    games_per_second: float
    seconds_per_update: float
    players_busy: float
    learners_busy: float
    store_busy: float
    leader_busy: float
    staleness: float
    """Updates between the weights that played a game and those that learn from it, in the mean."""


def simulate(costs: Costs, players: int, learners: int, ahead: int, updates: int = 200, seed: int = 0) -> Row:
    """A run of some updates, each of one request a player."""
    rng = np.random.default_rng(seed)
    engines, store, leader, step = Station(players), Station(1), Station(1), Station(1)
    published = [0.0]
    """When the weights of each update reached the players."""
    stale = 0
    for update in range(updates):
        gate = published[max(0, update - ahead)]
        played = []
        for seconds in rng.choice(costs.play, players):
            begin, end = engines.serve(gate, float(seconds))
            stale += update - (int(np.searchsorted(published, begin, side="right")) - 1)
            played.append(end)
        kept = max(store.serve(end, costs.store * costs.games)[1] for end in sorted(played))
        made = leader.serve(kept, costs.batch * players)[1]
        learnt = step.serve(made, costs.step(learners, players, float(rng.choice(costs.learn))))[1]
        published.append(learnt + costs.sync(players))
    total = published[-1]
    return Row(
        gpus=players + learners,
        players=players,
        learners=learners,
        ahead=ahead,
        games_per_second=updates * players * costs.games / total,
        seconds_per_update=total / updates,
        players_busy=engines.busy / (total * players),
        learners_busy=step.busy / total,
        store_busy=store.busy / total,
        leader_busy=leader.busy / total,
        staleness=stale / (updates * players),
    )


def best_split(costs: Costs, gpus: int, ahead: int) -> Row:
    """The numbers of players and learners that play and learn from the most games a second."""
    shares = sorted({min(gpus - 1, max(1, round(gpus * share / 20))) for share in range(1, 20)})
    learners = max(shares, key=lambda n: simulate(costs, gpus - n, n, ahead, updates=30).games_per_second)
    return simulate(costs, gpus - learners, learners, ahead)


def read_costs(network: float, batch: float) -> Costs:
    """Of the committed measurements; `batch`: seconds of the leader."""
    rows = [row for row in json.loads((RESULTS / "gpu_spiral.json").read_text())["runs"][0]["curves"] if "loss" in row]
    rows = rows[1:]  # the first update also measures, and warms up
    play = tuple(row["tokens"] / row["tokens_per_second"] for row in rows)
    rates = json.loads((RESULTS / "store.json").read_text())["ours"]
    return Costs(
        games=rows[0]["episodes"],
        play=play,
        learn=tuple(row["seconds"] - seconds for row, seconds in zip(rows, play, strict=True)),
        nodes=float(np.mean([row["nodes"] for row in rows])),
        batch=batch,
        store=1 / rates["appended per second, batches of 512"],
        engine=json.loads((RESULTS / "decode_vllm.json").read_text())["sync"]["cpu_seconds_median"],
        network=network,
    )


def leader_seconds(games: int, repeats: int = 3) -> float:
    """CPU seconds for what the leader does with the games of a request and does not share out, played by nano."""
    import torch

    from sparring import Match, play
    from sparring.agents import models
    from sparring.agents.players import make_player
    from sparring.scoreboard.matches import seats_of
    from sparring.trainers.batch import merge, signals_of
    from sparring.trainers.data.guards import trained
    from sparring.trainers.targets import passes_of
    from sparring.types import Sampling

    sampling = Sampling(1.0, max_new_tokens=48)
    agent = make_player(models.load("nano", device="cpu"), prompt=PROMPT, sampling=sampling, trainable=True)
    envs = [GAMES[number % len(GAMES)] for number in range(games)]
    matches = [Match(f"{n}", env, dict.fromkeys(seats_of(env), "nano"), n) for n, env in enumerate(envs)]
    episodes = play(matches, {"nano": agent})
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        found = (signals_of(trajectory, 0.5, game=game) for game, trajectory in trained(episodes))
        batch = merge(signal for signals in found for signal in signals)
        pickle.dumps(batch)
        passes_of(batch, PACK, torch.device("cpu"))
        taken.append(time.process_time() - started)
    return float(np.median(taken))


def rows_of(costs: Costs, gpus: Sequence[int]) -> Iterator[Row]:
    """The best split of each number of GPUs, with new weights only and one update behind."""
    for count in gpus:
        for ahead in (0, 1):
            yield best_split(costs, count, ahead)


def rounded(row: Row) -> dict[str, float]:
    """As it is written."""
    return {name: round(value, 3) for name, value in asdict(row).items()}


def show(title: str, rows: Sequence[Row]) -> None:
    """A table of rows."""
    table = Table(title=title)
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in asdict(row).values()))
    Console(width=160).print(table)


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--network", type=float, default=50.0, help="GB/s of each GPU, assumed")
    parser.add_argument("--leader", type=float, help="seconds of the leader; left out: as measured before")
    parser.add_argument("--measure", action="store_true", help="measure the leader's seconds on this machine")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    costs = read_costs(options.network, 0.0)
    if options.measure:
        batch = leader_seconds(costs.games)
    elif options.leader is not None:
        batch = options.leader
    else:
        batch = json.loads((RESULTS / "scale.json").read_text())["costs"]["batch"]
    today = replace(costs, batch=batch)
    rows = list(rows_of(today, options.gpus))
    without = list(rows_of(replace(today, batch=0.0, store=0.0), options.gpus))
    show("measured costs", rows)
    show("if the batch and the store cost nothing", without)
    if options.json:
        found = {"costs": asdict(today), "rows": list(map(rounded, rows)), "without": list(map(rounded, without))}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
