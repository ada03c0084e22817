"""Our text adventures in two backends: do they agree, how fast is the compiled one, what do its proofs cost.

    python benchmarks/adventures_backends.py                            60 sampled games, 1,700 commands each
    python benchmarks/adventures_backends.py --json benchmarks/results/adventures_backends.json

Sampled games of both splits and all difficulties are compiled afresh, proven, and played in both backends at once:
admissible commands, commands that are mostly not possible, other words, hostile texts. Needs the extra "textworld".
CPU seconds are those of this process, the compilers, and the process that plays.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cpu_time import cpu_seconds
from rich.console import Console
from rich.table import Table

from sparring.envs.adventures.hosted.worker import workers
from sparring.envs.adventures.inform.compiled import CompiledGame, CompiledStage
from sparring.envs.adventures.inform.fuzz import HOSTILE, fuzz
from sparring.envs.adventures.inform.proofs import prove_compiled
from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.sampler import sample_game
from sparring.envs.adventures.worlds.simulator import Stage


@dataclass(frozen=True, slots=True)
class Row:
    """One game."""

    split: str
    seed: int
    difficulty: int
    theme: str
    plan: int
    """Commands of the shortest plan."""
    proven: bool
    failed: tuple[str, ...]
    """Proofs that failed, with their evidence."""
    proving: float
    """CPU seconds: writing, proving, compiling, proving the compiled game."""
    commands: int
    accepted: int
    won: int
    lost: int
    disagreements: tuple[str, ...]
    hostile: int
    hostile_accepted: int
    steps: float
    """Of the compiled backend per CPU second: random admissible commands, resets included."""


def measure(games: int, commands: int, steps: int) -> Iterator[Row]:
    """So many games, the splits and difficulties in turn."""
    for seed in range(games):
        yield measured(("train", "held_out")[seed % 2], seed, 1 + seed // 2 % 5, commands, steps)


def measured(split: str, seed: int, difficulty: int, commands: int, steps: int) -> Row:
    """One game: proven, played in both backends, timed."""
    before = cpu_seconds()
    game = sample_game(split, seed, difficulty)  # type: ignore[arg-type]
    manifest = prove_compiled(game, prove(game))
    proving = cpu_seconds() - before
    compiled = CompiledStage.of(Stage(compile_game(game)))
    played = fuzz(compiled, manifest.plan, commands, seed)
    hostile = fuzz(compiled, (), len(HOSTILE), only=HOSTILE)
    return Row(
        split,
        seed,
        difficulty,
        game.theme,
        manifest.length,
        all(check.status == "pass" for check in manifest.checks),
        tuple(f"{check.name}: {check.evidence}" for check in manifest.checks if check.status != "pass"),
        proving,
        played.commands,
        played.accepted,
        played.won,
        played.lost,
        (*played.disagreements, *hostile.disagreements),
        hostile.commands,
        hostile.accepted,
        speed(compiled, steps, seed),
    )


def speed(compiled: CompiledStage, steps: int, seed: int) -> float:
    """Steps per CPU second of the compiled backend, the simulator beside it included."""
    rng, game = random.Random(seed), CompiledGame(compiled)
    before = cpu_seconds()
    for _ in range(steps):
        if game.ending or game.turn >= game.most_turns:
            game.reset()
        game.submit(rng.choice(game.commands))
    spent = cpu_seconds() - before
    game.close()
    return steps / spent


def summary(rows: list[Row]) -> dict[str, object]:
    """What the rows come to."""
    proving, steps = [row.proving for row in rows], [row.steps for row in rows]
    return {
        "games": len(rows),
        "games that pass every proof": sum(row.proven for row in rows),
        "commands in both backends": sum(row.commands for row in rows),
        "of these accepted": sum(row.accepted for row in rows),
        "episodes won, lost": f"{sum(row.won for row in rows)}, {sum(row.lost for row in rows)}",
        "disagreements": sum(len(row.disagreements) for row in rows),
        "hostile texts": sum(row.hostile for row in rows),
        "hostile texts that were accepted": sum(row.hostile_accepted for row in rows),
        "compiled steps per CPU second, median": round(statistics.median(steps)),
        "compiled steps per CPU second, least and most": f"{min(steps):.0f}, {max(steps):.0f}",
        "writing and proving with compilation, CPU s, median": round(statistics.median(proving), 2),
        "writing and proving with compilation, CPU s, most": round(max(proving), 2),
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=60, help="sampled games")
    parser.add_argument("--commands", type=int, default=1_700, help="commands in both backends, of each game")
    parser.add_argument("--steps", type=int, default=300, help="steps of each game that are timed")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SPARRING_CACHE"] = cache
        rows = list(measure(options.games, options.commands, options.steps))
        workers.close_idle()
    found = summary(rows)
    table = Table("what", "figure", title="two backends of our text adventures")
    for name, value in found.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    Console().print(table)
    for row in rows:
        for fault in (*row.failed, *row.disagreements):
            Console().print(f"{row.split} {row.seed}: {fault}", markup=False)
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "load": os.getloadavg()[1]}
        figures = {"machine": machine, "summary": found, "games": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
