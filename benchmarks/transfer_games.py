"""Does training on one game help in the others? SPIRAL's question (arXiv 2506.24119, section 4), asked small.

    python benchmarks/transfer_games.py --model smollm2 --steps 30 --json benchmarks/results/transfer_games.json

One self-play run a game; then the trained and the untrained model play every game against uniform play, on the same
deals with seats rotating. A figure is the trained model's mean reward less the untrained one's, the difference taken
within each deal, with a 95 % interval over deals. The games of the first column are trained on; the others never are.
The runs differ from the paper's in everything but the question: a small model, few updates, no reasoning in between.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring.agents import named
from sparring.protocols import Agent
from sparring.scoreboard.figures_json import finite
from sparring.scoreboard.matches import play_rows, rotated_matches
from sparring.scoreboard.names import env_words
from sparring.scoreboard.stats import Estimate, paired_difference
from sparring.store.rows import EpisodeRow

TRAINED_ON = ("KuhnPoker", "TicTacToe", "Nim")
PLAYED = (*TRAINED_ON, "LiarsDice", "Breakthrough", "Pig")
SETTINGS: Mapping[str, dict[str, object]] = {"Breakthrough": {"rows": 5, "columns": 4}, "Pig": {"target": 20}}
Rewards = list[tuple[str, float]]
"""(deal, reward), one a game."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run on one game was worth in another."""

    trained_on: str
    played: str
    difference: Estimate


def train(game: str, given: argparse.Namespace, folder: Path) -> Path:
    """The folder of a self-play run on a game."""
    run = folder / game
    settings = {"model": given.model, "games": game, "steps": given.steps, "games-per-update": given.games, "run": run}
    arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "sparring", "train", "spiral", *arguments, "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return run


def rewards(agent: Agent, game: str, episodes: int) -> Rewards:
    """What an agent earns against uniform play; equal deals for every agent."""
    agents = {"agent": agent, "random": named.make("random")}
    env_id = f"sparring/{game}-v0"
    matches = rotated_matches(env_id, list(agents), episodes, seed=0, env_kwargs=SETTINGS.get(game))
    rows: Sequence[EpisodeRow] = play_rows(matches, agents).rows
    seats = [next(seat for seat, name in match.agents.items() if name == "agent") for match in matches]
    return [(str(row.task), row.rewards[seat]) for row, seat in zip(rows, seats, strict=True) if row.sound]


def measure(given: argparse.Namespace, folder: Path) -> list[Result]:
    """Every run in every game."""
    console, results = Console(stderr=True), []
    untrained = {game: rewards(named.make(given.model), game, given.episodes) for game in PLAYED}
    for trained_on in TRAINED_ON:
        started = time.perf_counter()
        agent = named.make(str(train(trained_on, given, folder)))
        console.print(f"{trained_on}: trained in {time.perf_counter() - started:.0f} s")
        for game in PLAYED:
            difference = paired_difference(rewards(agent, game, given.episodes), untrained[game])
            results.append(Result(trained_on, game, difference))
    return results


def show(results: Sequence[Result]) -> None:
    """The table; a star where the interval does not hold 0, as one in twenty does by chance."""
    table = Table(title="Trained less untrained, reward a game against uniform play")
    table.add_column("trained on")
    for game in PLAYED:
        table.add_column(env_words(game), justify="right")
    for trained_on in TRAINED_ON:
        cells = [one.difference for one in results if one.trained_on == trained_on]
        table.add_row(trained_on, *map(_in_words, cells))
    Console().print(table)


def _in_words(difference: Estimate) -> str:
    if difference.lacks:
        return f"{difference.value:+.2f}"
    star = "*" if difference.low > 0 or difference.high < 0 else " "
    return f"{difference.value:+.2f}{star}\n{difference.low:+.2f} to {difference.high:+.2f}"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", type=int, default=60, help="updates of each run")
    parser.add_argument("--games", type=int, default=128, help="games of each update")
    parser.add_argument("--episodes", type=int, default=200, help="games of each model in each game")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(given, Path(folder))
    show(results)
    if given.json:
        found = [
            {
                "trained_on": one.trained_on,
                "played": one.played,
                "difference": finite([round(x, 4) for x in (difference.value, difference.low, difference.high)]),
                "deals": difference.clusters,
            }
            for one in results
            for difference in [one.difference]
        ]
        told = {**{name: getattr(given, name) for name in ("model", "steps", "games", "episodes")}, "results": found}
        given.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
