"""What cheap games cost to play, to store and to verify: random players on one core, CPU seconds, best of several runs.

OMP_NUM_THREADS=1 python benchmarks/play.py --json benchmarks/results/play.json

A loop over the bare environment is measured in the same run. The figures of two machines compare as shares of it.
Then matches of 50 turns are played into a store, each number of them in a process of its own: its peak memory should
not grow with the number. `--matches` without numbers leaves this out.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import platform
import random
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import gymnasium as gym
from gymnasium import spaces
from rich.console import Console
from rich.table import Table

from sparring import registry
from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import Match, play
from sparring.scoreboard.matches import by_name, rotated_matches, store_missing
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Episode

GAMES = {"Kuhn poker": "sparring/KuhnPoker-v0", "tic-tac-toe": "sparring/TicTacToe-v0"}
BATCH = 512
"""Episodes of one append."""
TURNS = 50
"""Of a match whose memory is measured."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Games per CPU second."""

    game: str
    bare: float
    """Of a loop over the bare environment."""
    play: float
    append: float
    verify: float


class Chat(gym.Env[str, str]):
    """Fifty turns, each with a text of its own."""

    observation_space, action_space = spaces.Text(200), spaces.Text(20)

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[str, dict[str, object]]:
        super().reset(seed=seed)
        self.seed, self.turn = seed, 0
        return self._said()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, object]]:
        self.turn += 1
        seen, info = self._said()
        return seen, 0.0, self.turn == TURNS, False, info

    def _said(self) -> tuple[str, dict[str, object]]:
        return f"Task {self.seed}, turn {self.turn}. {'What do you say? ' * 8}", {"legal_actions": ("yes", "no")}


def matches_of(env_id: str, games: int) -> tuple[list[Match], dict[str, RandomAgent]]:
    """Matches of random players, and these by name."""
    agents = by_name([RandomAgent(), RandomAgent()])
    return rotated_matches(env_id, list(agents), games, seed=0), agents


def play_bare(env_id: str, games: int) -> None:
    """Random legal play without agents and records."""
    env, rng = registry.envs.make(env_id), random.Random(0)
    for seed in range(games):
        env.reset(seed=seed)
        while True:
            _, _, terminated, truncated, info = env.last()
            if terminated or truncated:
                break
            env.step(rng.choice(info["legal_actions"]))


def append_all(folder: Path, episodes: list[Episode]) -> None:
    """Store episodes, `BATCH` at a time."""
    with Store(folder, "a") as store:
        for start in range(0, len(episodes), BATCH):
            store.append(episodes[start : start + BATCH])


def verify_all(folder: Path) -> None:
    """Play the store's episodes again."""
    with Store(folder) as store:
        assert verify(store).ok


def per_second(games: int, action: Callable[[], object]) -> float:
    """Games per CPU second of one run."""
    gc.collect()
    started = time.process_time()
    action()
    return games / (time.process_time() - started)


def run(game: str, games: int) -> Speed:
    """One run of everything."""
    env_id = GAMES[game]
    matches, agents = matches_of(env_id, games)
    episodes: list[Episode] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "store"
        bare = per_second(10 * games, lambda: play_bare(env_id, 10 * games))
        played = per_second(games, lambda: episodes.extend(play(matches, agents)))
        appended = per_second(games, lambda: append_all(folder, episodes))
        episodes.clear()
        return Speed(game, bare, played, appended, per_second(games, lambda: verify_all(folder)))


def best_of(runs: list[Speed]) -> Speed:
    """The best run of each figure: others may use the machine at the same time."""
    best = {name: max(asdict(speed)[name] for speed in runs) for name in ("bare", "play", "append", "verify")}
    return Speed(runs[0].game, **best)


def peak_mib(matches: int) -> float:
    """The most memory that a process of its own has held, in MiB, while it played and stored these matches."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(play_and_store, matches).result()


def play_and_store(matches: int) -> float:
    """Peak memory in MiB."""
    registry.envs.register("benchmark/Chat-v0")(Chat)
    played = (Match(f"chat/{seed}", "benchmark/Chat-v0", {"player_0": "random"}, seed) for seed in range(matches))
    with tempfile.TemporaryDirectory() as place, Store(Path(place) / "store", "a") as store:
        store_missing(list(played), {"random": RandomAgent()}, store)
        assert store.count == matches
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(speeds: list[Speed]) -> Table:
    """One row a game; shares are of the bare loop."""
    shown = Table("games per CPU second", "bare loop", "play", "append", "verify", box=None)
    for speed in speeds:
        cells = [f"{value:,.0f} ({value / speed.bare:.3f})" for value in (speed.play, speed.append, speed.verify)]
        shown.add_row(speed.game, f"{speed.bare:,.0f}", *cells)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=3000, help="games of one run")
    parser.add_argument("--runs", type=int, default=5, help="the best one counts")
    parser.add_argument("--matches", type=int, nargs="*", default=[1_000, 10_000], help="whose memory is measured")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    speeds = [best_of([run(game, given.games) for _ in range(given.runs)]) for game in GAMES]
    memory = {matches: round(peak_mib(matches)) for matches in given.matches}
    console = Console()
    console.print(table(speeds))
    for matches, peak in memory.items():
        console.print(f"{matches:,} matches of {TURNS} turns into a store: {peak} MiB at most")
    if given.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        speeds_found = [asdict(speed) for speed in speeds]
        found = {"machine": machine, "speeds": speeds_found, "peak_mib_of_matches": memory}
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
