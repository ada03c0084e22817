"""How long a board over many episodes takes, how large its page is, and how long it takes to work it out again.

OMP_NUM_THREADS=1 python benchmarks/board.py --episodes 1000000 --json benchmarks/results/board.json

The store is made of real games of Kuhn poker and tic-tac-toe under the names of fifty agents that meet at random, four
games a deal. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import play
from sparring.scoreboard.board.build import Settings, build_board
from sparring.scoreboard.board.page import render
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store.store import Store
from sparring.types import Episode

GAMES = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0")
AGENTS, PLAYED, BATCH = 50, 2_000, 2_000


def fill(folder: Path, count: int) -> None:
    """Store so many episodes."""
    agents = by_name([RandomAgent(), RandomAgent()])
    games = [game for env_id in GAMES for game in play(rotated_matches(env_id, list(agents), PLAYED, 0), agents)]
    rng, names = random.Random(0), [f"agent-{number}" for number in range(AGENTS)]
    with Store(folder, "a") as store:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            store.append([_renamed(games[number % len(games)], number, rng.sample(names, 2)) for number in numbers])


def _renamed(game: Episode, number: int, names: list[str]) -> Episode:
    seats = {seat: replace(one, agent=name) for (seat, one), name in zip(game.trajectories.items(), names, strict=True)}
    return replace(game, id=f"game/{number}", trajectories=seats, task=f"{game.env_id}/{number // 4}")


def measure(folder: Path) -> dict[str, float | int]:
    """Seconds and sizes."""
    with Store(folder) as store:
        started = time.perf_counter()
        board = build_board([("board", store)], Settings(replays=0))
        built = time.perf_counter()
        page = render(board)
        written = time.perf_counter()
        again = render(build_board([("board", store)], Settings(replays=0)))
    if again != page:
        raise SystemExit("the same episodes gave two pages")
    return {
        "board, s": round(built - started, 1),
        "page, s": round(written - built, 2),
        "page, bytes": len(page.encode()),
        "worked out again and compared, s": round(time.perf_counter() - written, 1),
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "board", given.episodes)
        figures = {"episodes": given.episodes, "agents": AGENTS, "machine": platform.machine()}
        figures |= measure(Path(folder) / "board")
    table = Table(title=f"A board over {given.episodes:,} episodes")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    Console().print(table)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
