"""Does training on one game help in the others? SPIRAL's question (arXiv 2506.24119, section 4), asked small.

    python benchmarks/transfer_games.py --steps 60 --json benchmarks/results/transfer_games.json
    python benchmarks/transfer_games.py --model smollm2 --games 256 --minutes 4 --together 6 --json results.json

Self-play runs on one game each, `--runs` a game from different seeds; then the trained and the untrained model play
every game against uniform play, on the same deals with seats rotating. A figure is the mean reward of a game's trained
models less the untrained one's, the difference taken within each deal, with a 95 % interval over deals; beside it the
least and the most of its runs. The first games of the table are trained on; the others never are. The runs differ from
the paper's in everything but the question: a small model, few updates, no reasoning in between.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring.agents import named
from sparring.scoreboard.figures_json import finite
from sparring.scoreboard.matches import play_rows, rotated_matches
from sparring.scoreboard.names import env_words
from sparring.scoreboard.stats import Estimate, paired_difference
from sparring.store.rows import EpisodeRow

TRAINED_ON = ("KuhnPoker", "TicTacToe", "Nim")
PLAYED = (*TRAINED_ON, "ConnectFour", "LiarsDice", "Breakthrough", "Pig", "Snake")
SETTINGS: Mapping[str, dict[str, object]] = {"Breakthrough": {"rows": 5, "columns": 4}, "Pig": {"target": 20}}
STOPPED = 130
Rewards = list[tuple[str, float]]
"""(deal, reward), one a game."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A run of self-play on one game."""

    game: str
    seed: int
    folder: Path
    updates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What the runs on one game were worth in another."""

    trained_on: str
    played: str
    difference: Estimate
    of_runs: tuple[float, ...]


def train(given: argparse.Namespace, folder: Path, asked: tuple[str, int]) -> Trained:
    """A self-play run; the interrupt after `--minutes` lets it finish its update and save."""
    (game, seed), started = asked, time.perf_counter()
    run = folder / f"{game}-{seed}"
    settings = {"model": given.model, "games": game, "steps": given.steps, "games-per-update": given.games,
                "seed": seed, "evaluation-games": 0, "run": run}  # fmt: skip
    arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "sparring", "train", "spiral", *arguments, "--json"]
    with Path(f"{run}.jsonl").open("w") as told, Path(f"{run}.err").open("w") as errors:
        process = subprocess.Popen(command, stdout=told, stderr=errors)
        try:
            process.wait(60 * given.minutes if given.minutes else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
    if process.returncode not in (0, STOPPED):
        raise RuntimeError(f"{run.name} ended with {process.returncode}: {Path(f'{run}.err').read_text()[-2000:]}")
    updates = sum("loss" in json.loads(line) for line in Path(f"{run}.jsonl").read_text().splitlines())
    return Trained(game, seed, run, updates, time.perf_counter() - started)


def rewards(episodes: int, model: str) -> dict[str, Rewards]:
    """What a model earns against uniform play in every game; equal deals for every model."""
    agents = {"agent": named.make(model), "random": named.make("random")}
    found: dict[str, Rewards] = {}
    for game in PLAYED:
        matches = rotated_matches(f"sparring/{game}-v0", list(agents), episodes, seed=0, env_kwargs=SETTINGS.get(game))
        rows: Sequence[EpisodeRow] = play_rows(matches, agents).rows
        seats = [next(seat for seat, name in match.agents.items() if name == "agent") for match in matches]
        found[game] = [(str(row.task), row.rewards[seat]) for row, seat in zip(rows, seats, strict=True) if row.sound]
    return found


def measure(given: argparse.Namespace, folder: Path) -> tuple[list[Trained], list[Result]]:
    """Every run, and what its model is worth in every game."""
    console = Console(stderr=True)
    asked = [(game, seed) for seed in range(given.runs) for game in TRAINED_ON]
    with ThreadPoolExecutor(given.together) as threads:
        runs = list(threads.map(partial(train, given, folder), asked))
    for run in runs:
        console.print(f"{run.folder.name}: {run.updates} updates in {run.seconds:.0f} s", highlight=False)
    models = [given.model, *(str(run.folder) for run in runs)]
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.together, fresh) as processes:
        untrained, *trained = processes.map(partial(rewards, given.episodes), models)
    results = []
    for game in TRAINED_ON:
        own = [found for run, found in zip(runs, trained, strict=True) if run.game == game]
        for played in PLAYED:
            one_by_one = tuple(paired_difference(found[played], untrained[played]).value for found in own)
            together = paired_difference([row for found in own for row in found[played]], untrained[played])
            results.append(Result(game, played, together, one_by_one))
    return runs, results


def show(results: Sequence[Result]) -> None:
    """The table; a star where the interval does not hold 0, as one in twenty does by chance."""
    table = Table(title="Trained less untrained, reward a game against uniform play")
    table.add_column("played")
    for game in TRAINED_ON:
        table.add_column(f"trained on {env_words(game)}", justify="right")
    for played in PLAYED:
        table.add_row(env_words(played), *(_in_words(one) for one in results if one.played == played))
    Console().print(table)


def _in_words(result: Result) -> str:
    difference, runs = result.difference, result.of_runs
    if difference.lacks:
        return f"{difference.value:+.2f}"
    star = "*" if difference.low > 0 or difference.high < 0 else " "
    spread = f"\nruns {min(runs):+.2f} to {max(runs):+.2f}" if len(runs) > 1 else ""
    return f"{difference.value:+.2f}{star}\n{difference.low:+.2f} to {difference.high:+.2f}{spread}"


def as_json(given: argparse.Namespace, runs: Sequence[Trained], results: Sequence[Result]) -> dict[str, object]:
    """What was asked, what each run did, and every figure."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return {
        "device": device,
        **{name: getattr(given, name) for name in ("model", "steps", "games", "episodes", "minutes")},
        "runs": [
            {"game": run.game, "seed": run.seed, "updates": run.updates, "seconds": round(run.seconds)} for run in runs
        ],
        "results": [
            {
                "trained_on": one.trained_on,
                "played": one.played,
                "difference": _rounded(one.difference.value, one.difference.low, one.difference.high),
                "of_runs": _rounded(*one.of_runs),
                "deals": one.difference.clusters,
            }
            for one in results
        ],
    }


def _rounded(*figures: float) -> object:
    return finite([round(figure, 4) for figure in figures])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", type=int, default=60, help="updates of each run")
    parser.add_argument("--games", type=int, default=128, help="games of each update")
    parser.add_argument("--runs", type=int, default=2, help="runs on each game, from different seeds")
    parser.add_argument("--minutes", type=float, default=0, help="after which a run is stopped and saved; 0: never")
    parser.add_argument("--together", type=int, default=2, help="processes side by side")
    parser.add_argument("--episodes", type=int, default=200, help="games of each model in each game")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs, results = measure(given, Path(folder))
    show(results)
    if given.json:
        given.json.write_text(json.dumps(as_json(given, runs, results), indent=1) + "\n")


if __name__ == "__main__":
    main()
