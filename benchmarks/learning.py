"""Does self-play learn, and which part of the recipe matters? Several seeds a variant, the untrained model beside them.

    python benchmarks/learning.py kuhn --json benchmarks/results/learning.json
    python benchmarks/learning.py leduc --json benchmarks/results/learning_leduc.json

A study is one command of `sparring train spiral` and its variants, which differ in one setting each. Kuhn and Leduc
poker are measured by exact NashConv; tic-tac-toe by exact figures over all its positions and games against uniform
play and minimax; Connect Four by games against uniform play. Runs go two at a time, one thread each, on a processor
that other programs may use too: CPU seconds are those of the run alone.
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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"
TIC_TAC_TOE, CONNECT_FOUR = "sparring/TicTacToe-v0", "sparring/ConnectFour-v0"
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Study:
    """A game, how it is trained on, what is varied and what is measured."""

    arguments: Sequence[str]
    figures: Sequence[str]
    """Names in metrics.jsonl."""
    variants: Mapping[str, Sequence[str]]


STUDIES = {
    "kuhn": Study(
        ["--games", KUHN, "--steps", "200"],
        [f"nash_conv/{KUHN}", f"nash_conv_average/{KUHN}"],
        {
            "as it is": [],
            "RAE off": ["--estimator", "reinforce"],
            "baseline by state": ["--estimator", "state"],
            "regulariser off": ["--magnet", "0"],
            "momentum 0.9": ["--momentum", "0.9"],
        },
    ),
    "leduc": Study(
        ["--games", LEDUC, "--steps", "200", "--evaluate-every", "10"],
        [f"nash_conv/{LEDUC}", f"nash_conv_average/{LEDUC}"],
        {"as it is": []},
    ),
    "tic-tac-toe": Study(
        [
            *("--games", TIC_TAC_TOE, "--steps", "80", "--games-per-update", "256"),
            *("--probe", "random,minimax", "--every-position"),
        ],
        [
            *(f"{name}/{TIC_TAC_TOE}" for name in ("optimal", "blunders", "exploitability")),
            *(f"probe/{TIC_TAC_TOE} vs {opponent}" for opponent in ("random", "minimax")),
        ],
        {"as it is": [], "RAE off": ["--estimator", "reinforce"]},
    ),
    "connect-four": Study(
        ["--games", CONNECT_FOUR, "--steps", "60", "--games-per-update", "64"],
        [f"probe/{CONNECT_FOUR} vs random"],
        {"as it is": []},
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    """One run."""

    study: str
    variant: str
    seed: int
    cpu_seconds: float
    curves: Mapping[str, Sequence[float]]
    """Of every figure: its values from before the first update to after the last."""


def run(study: str, variant: str, seed: int, model: str, steps: int | None) -> Result:
    """One training run in a process of its own."""
    told = STUDIES[study]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        command = [sys.executable, "-P", "-m", "sparring", "train", "spiral", "--model", model, "--seed", str(seed)]
        command += ["--run", str(path), "--json", *told.arguments, *told.variants[variant]]
        command += ["--steps", str(steps)] if steps else []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    curves = {name: [round(row[name], 4) for row in rows if name in row] for name in told.figures}
    return Result(study, variant, seed, round(spent, 1), curves)


def interval(values: Sequence[float]) -> str:
    """The mean and its 95 % interval over seeds (Student's t)."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values)
    return f"{mean:.3f} ± {half:.3f}"


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """One a study: a row for every figure of every variant."""
    for study in dict.fromkeys(result.study for result in results):
        view = Table("variant", "figure", "untrained", "after training", "of each seed", "CPU s a run", title=study)
        for variant in dict.fromkeys(result.variant for result in results if result.study == study):
            rows = [result for result in results if (result.study, result.variant) == (study, variant)]
            for name in STUDIES[study].figures:
                curves = [row.curves[name] for row in rows]
                last = [curve[-1] for curve in curves]
                each = "  ".join(f"{value:.3f}" for value in last)
                spent = "  ".join(f"{row.cpu_seconds:.0f}" for row in rows)
                view.add_row(variant, name, interval([curve[0] for curve in curves]), interval(last), each, spent)
        yield view


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", default=list(STUDIES), help=", ".join(STUDIES))
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", type=int, help="instead of the study's own")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", help="only these")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := set(options.studies) - set(STUDIES):
        parser.error(f"no study is called {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    jobs = [
        (study, variant, seed, options.model, options.steps)
        for study in options.studies
        for seed in range(options.seeds)
        for variant in STUDIES[study].variants
        if not options.variants or variant in options.variants
    ]
    console = Console(stderr=True)
    results: list[Result] = []
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        for job in track([pool.submit(run, *job) for job in jobs], "training", console=console):
            results.append(job.result())
            _save(options, results)
    for view in tables(results):
        Console().print(view)


def _save(options: argparse.Namespace, results: Sequence[Result]) -> None:
    """After every run, so that what was measured is kept."""
    if options.json:
        facts = {"model": options.model, "machine": platform.machine(), "cores": os.cpu_count()}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "results": [asdict(row) for row in results]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
