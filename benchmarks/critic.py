"""When to stop searching: what a critic earns beside fixed rules, three seeds, here and on kinds it never saw.

    python benchmarks/critic.py scripted --json benchmarks/results/critic.json
    python benchmarks/critic.py smollm2 --json benchmarks/results/critic_smollm2.json

scripted: the atlas, searchers of four skills whose answer is right exactly where what they read suffices, and a critic
that counts. smollm2: SmolLM2 writes the queries and the answers, and lends its frozen hidden states to the critic; its
own verdict in words stands in the table. states: scripted searchers, and a critic that reads SmolLM2's frozen states. A
run is one call of `sparring train sim-rag`; runs go two at a time, one thread each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sparring.cli.sim_rag import quality_cells
from sparring.scoreboard.critic_results import CriticResults, read_results, to_json

STUDIES = {
    "scripted": ["--world", "atlas"],
    "smollm2": [
        *("--world", "fiction:size=2000", "--hops", "1-2", "--reader", "smollm2", "--critic", "reading"),
        *("--questions", "60", "--test-questions", "40", "--max-rounds", "3", "--max-new-tokens", "12"),
    ],
    "states": [
        *("--world", "fiction:size=2000", "--hops", "1-3", "--critic", "reading"),
        *("--questions", "160", "--test-questions", "80", "--max-rounds", "3"),
    ],
}
COLUMNS = ("reward", "right", "rounds", "over_search", "premature", "lucky", "misread", "gave_up")


@dataclass(frozen=True, slots=True)
class Run:
    """One seed."""

    seed: int
    cpu_seconds: float
    results: CriticResults


def run(study: str, seed: int) -> Run:
    """One training in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        command = [sys.executable, "-P", "-m", "sparring", "train", "sim-rag", *STUDIES[study]]
        command += ["--seed", str(seed), "--run", str(folder), "--json"]
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        subprocess.run(command, check=True, env=alone, stdout=subprocess.DEVNULL)
        results = read_results(folder)
    if results is None:
        raise RuntimeError(f"{folder} has no results")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seed, round(spent, 1), results)


def tables(runs: Sequence[Run]) -> Iterator[Table]:
    """Stop rules, then probabilities; a cell holds every seed's value, with its interval over questions for rewards."""
    names = [rule.name.removesuffix(" rounds") for rule in runs[0].results.rules]
    view = Table("stop rule", "reward (95 % over questions, by seed)", *COLUMNS[1:], title="means over seeds")
    for place, name in enumerate(names):
        earned = [dict(one.results.rules[place].earned.items()) for one in runs]
        rewards = [row["reward"] for row in earned]
        by_seed = "; ".join(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in rewards)
        means = [f"{np.mean([row[column].value for row in earned]):.2f}" for column in COLUMNS[1:]]
        view.add_row(name, f"{np.mean([one.value for one in rewards]):.3f}: {by_seed}", *means)
    yield view
    view = Table("critic on", "AUROC", "Brier", "calibration error", "by chance", "recalibrated", title="each seed")
    rows: dict[str, list[tuple[str, ...]]] = {}
    for one in runs:
        rows.setdefault("these questions", []).append((*quality_cells(one.results.quality)[1:], ""))
        for other in one.results.elsewhere:
            again = other.recalibrated
            cells = (*quality_cells(other.raw)[1:], "" if again is None else f"{again.calibration_error:.3f}")
            rows.setdefault(f"{other.group}, trained without", []).append(cells)
    for where, cells_by_seed in rows.items():
        view.add_row(where, *("; ".join(cells) for cells in zip(*cells_by_seed, strict=True)))
    yield view


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=list(STUDIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        jobs = [pool.submit(run, options.study, seed) for seed in range(options.seeds)]
        runs = [job.result() for job in track(jobs, "training", console=Console(stderr=True))]
    console = Console()
    for view in tables(runs):
        console.print(view)
    console.print("CPU seconds of each seed: " + ", ".join(f"{one.cpu_seconds:.0f}" for one in runs))
    if options.json:
        facts = {"study": options.study, "machine": platform.machine(), "cores": os.cpu_count()}
        rows = [{"seed": one.seed, "cpu_seconds": one.cpu_seconds, **to_json(one.results)} for one in runs]
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "runs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
