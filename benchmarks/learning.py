"""Does self-play learn, and which part of the recipe matters? Several seeds a variant, the untrained model beside them.

    python benchmarks/learning.py kuhn --json benchmarks/results/learning.json
    python benchmarks/learning.py leduc --json benchmarks/results/learning_leduc.json

A study is one command of `sparring train` and its variants, which differ in one setting each. Kuhn and Leduc poker are
measured by exact NashConv; tic-tac-toe by exact figures over all its positions and games against uniform play and
minimax; Connect Four and negotiation by games against uniform play. A negotiator writes its offers freely: it imitates
random play first, so that RL finds legal offers; its rewards are split into payoffs and what illegal actions cost.
Runs go two at a time, one thread each, on a processor that other programs may use too: CPU seconds are those of the run
alone.
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

from sparring.store.run_files import episodes_of
from sparring.store.store import Store

KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"
TIC_TAC_TOE, CONNECT_FOUR = "sparring/TicTacToe-v0", "sparring/ConnectFour-v0"
NEGOTIATION = "sparring/SimpleNegotiation-v0"
CONNECT_FOUR_STEPS = ("--steps", "300", "--games-per-update", "64")
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Study:
    """A game, how it is trained on, what is varied and what is measured."""

    method: str
    arguments: Sequence[str]
    figures: Sequence[str]
    """Names in metrics.jsonl, and parts of the rewards of the probes: "part/NAME"."""
    variants: Mapping[str, Sequence[str]]
    imitated: str = ""
    """The agent that is imitated first; none: training starts with the untrained model."""
    imitation: Sequence[str] = ()
    """Arguments of the imitation."""


STUDIES = {
    "kuhn": Study(
        "spiral",
        ["--games", KUHN, "--steps", "200"],
        [f"nash_conv/{KUHN}", f"nash_conv_average/{KUHN}"],
        {
            "as it is": [],
            "RAE": ["--estimator", "rae"],
            "no baseline": ["--estimator", "reinforce"],
            "RAE, regulariser off": ["--estimator", "rae", "--magnet", "0"],
            "RAE, momentum 0.9": ["--estimator", "rae", "--momentum", "0.9"],
        },
    ),
    "leduc": Study(
        "spiral",
        ["--games", LEDUC, "--steps", "200", "--evaluate-every", "10"],
        [f"nash_conv/{LEDUC}", f"nash_conv_average/{LEDUC}"],
        {"as it is": []},
    ),
    "tic-tac-toe": Study(
        "spiral",
        [
            *("--games", TIC_TAC_TOE, "--steps", "220", "--games-per-update", "64", "--learning-rate", "1e-3"),
            *("--magnet", "0.03", "--magnet-final", "0.003"),
            *("--probe", "random,minimax", "--probe-every", "50", "--every-position"),
        ],
        [
            *(f"{name}/{TIC_TAC_TOE}" for name in ("optimal", "blunders", "exploitability")),
            *(f"probe/{TIC_TAC_TOE} vs {opponent}" for opponent in ("random", "minimax")),
        ],
        {"as it is": [], "RAE": ["--estimator", "rae"], "no baseline": ["--estimator", "reinforce"]},
    ),
    "connect-four": Study(
        "reinforce",
        [
            *("--games", CONNECT_FOUR, "--opponents", "random", "--credit", "turn", "--momentum", "0"),
            *("--magnet", "0.02", "--magnet-final", "0.001"),
            *("--probe", "random", "--probe-every", "20", "--probe-games", "200", "--evaluation-games", "0"),
        ],
        [f"probe/{CONNECT_FOUR} vs random"],
        {
            "as it is": [*CONNECT_FOUR_STEPS, "--learning-rate", "1e-3", "--discount", "0.95"],
            "discount 0.9": [*CONNECT_FOUR_STEPS, "--learning-rate", "1e-3", "--discount", "0.9"],
            "larger steps": [*CONNECT_FOUR_STEPS, "--learning-rate", "2e-3", "--discount", "0.95"],
        },
    ),
    "negotiation": Study(
        "reinforce",
        [
            *("--games", NEGOTIATION, "--opponents", "random", "--steps", "40", "--games-per-update", "64"),
            *("--decoding", "free", "--max-new-tokens", "12", "--learning-rate", "1e-3"),
            *("--probe", "random", "--probe-every", "20", "--evaluation-games", "0"),
        ],
        [f"{name}/{NEGOTIATION} vs random" for name in ("probe", "probe_illegal")] + ["part/payoff", "part/forfeit"],
        {"as it is": []},
        "random",
        [
            *("--steps", "150", "--games-per-update", "32", "--learning-rate", "3e-3", "--decoding", "free"),
            *("--max-new-tokens", "12", "--probe", "random", "--probe-every", "0", "--evaluation-games", "0"),
        ],
    ),
}
WARM_UP_GAMES = 400
"""Of the imitated agent."""


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
    """One training run in processes of its own, imitation before it where the study has one."""
    told = STUDIES[study]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as name:
        folder, figures = Path(name), Figures(told.figures)
        if told.imitated:
            game = told.arguments[1]
            agents = ",".join([told.imitated] * 2)
            store = ["--episodes", str(WARM_UP_GAMES), "--seed", str(seed), "--store", str(folder / "store")]
            sparring("play", game, "--agents", agents, *store)
            source = ["--from", str(folder / "store"), "--games", game, "--model", model, "--run", str(folder / "warm")]
            sparring("train", "imitate", *source, "--seed", str(seed), *told.imitation)
            figures.read(folder / "warm")
            model = str(folder / "warm")
        command = ["train", told.method, "--model", model, "--seed", str(seed), "--run", str(folder / "run"), "--json"]
        command += [*told.arguments, *told.variants[variant], *(["--steps", str(steps)] if steps else [])]
        sparring(*command)
        figures.read(folder / "run")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Result(study, variant, seed, round(spent, 1), figures.curves)


def sparring(*arguments: str) -> None:
    """One command, on one thread of the processor."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(
        [sys.executable, "-P", "-m", "sparring", *arguments], check=True, env=alone, stdout=subprocess.DEVNULL
    )


class Figures:
    """Curves out of run folders, one after another."""

    def __init__(self, names: Sequence[str]) -> None:
        self.curves: dict[str, list[float]] = {name: [] for name in names}

    def read(self, path: Path) -> None:
        """Add what a run measured."""
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        parts = self._parts(path) if any(name.startswith("part/") for name in self.curves) else {}
        for name, curve in self.curves.items():
            found = [by_part[name] for by_part in parts.values()] if parts and name.startswith("part/") else []
            curve += [round(value, 4) for value in found or [row[name] for row in rows if name in row]]

    def _parts(self, path: Path) -> dict[int, dict[str, float]]:
        """Of the probes of every update: the mean of each part of the model's rewards."""
        sums: dict[int, dict[str, list[float]]] = {}
        with Store(episodes_of(path)) as store:
            for episode in store:
                update = episode.id.partition("/")[0].removeprefix("probe-")
                if update.isdigit():
                    mine = next(t for t in episode.trajectories.values() if t.agent != "random")
                    for name in self.curves:
                        part = mine.reward_parts.get(name.removeprefix("part/"), 0.0)
                        sums.setdefault(int(update), {}).setdefault(name, []).append(part)
        return {
            update: {name: float(np.mean(values)) for name, values in by_name.items()}
            for update, by_name in sorted(sums.items())
        }


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
