"""Does self-play learn Kuhn poker, and which part of the recipe matters? Exact NashConv, several seeds a variant.

    python benchmarks/learning.py --json benchmarks/results/learning.json

Variants of `sparring train spiral` that differ in one setting: as it is; without role baselines (RAE); without the
regulariser (magnet); with AdamW's usual momentum. Runs go two at a time, one thread each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

VARIANTS: dict[str, list[str]] = {
    "as it is": [],
    "RAE off": ["--estimator", "reinforce"],
    "regulariser off": ["--magnet", "0"],
    "momentum 0.9": ["--momentum", "0.9"],
}
KEY = "nash_conv/sparring/KuhnPoker-v0"
AVERAGE = "nash_conv_average/sparring/KuhnPoker-v0"


def run(variant: str, seed: int, model: str, steps: int) -> dict[str, Any]:
    """One training run in a process of its own."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        command = [sys.executable, "-P", "-m", "sparring", "train", "spiral", "--model", model, "--games", "KuhnPoker"]
        command += ["--steps", str(steps), "--seed", str(seed), "--run", str(path), "--json", *VARIANTS[variant]]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    curve = [row[KEY] for row in rows]
    return {
        "variant": variant,
        "seed": seed,
        "first": curve[0],
        "last": curve[-1],
        "best": min(curve),
        "worst_of_last_20": max(curve[-20:]),
        "league_average": rows[-1][AVERAGE],
        "seconds": round(time.perf_counter() - started, 1),
        "curve": [round(value, 4) for value in curve],
    }


def table(results: list[dict[str, Any]]) -> Table:
    """One row a variant, the values of its seeds side by side."""
    view = Table("variant", "NashConv: last", "best", "league average", "worst of the last 20", "seconds")
    for variant in dict.fromkeys(result["variant"] for result in results):
        rows = [result for result in results if result["variant"] == variant]
        cells = [
            "  ".join(f"{row[key]:.3f}" for row in rows)
            for key in ("last", "best", "league_average", "worst_of_last_20")
        ]
        view.add_row(variant, *cells, "  ".join(f"{row['seconds']:.0f}" for row in rows))
    return view


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jobs = [(variant, seed) for variant in options.variants for seed in range(options.seeds)]
    with ThreadPoolExecutor(options.workers) as pool:
        running = pool.map(lambda job: run(*job, options.model, options.steps), jobs)
        results = list(track(running, "training", total=len(jobs), console=Console(stderr=True)))
    Console().print(table(results))
    if options.json:
        facts = {"model": options.model, "steps": options.steps, "machine": platform.machine(), "cores": os.cpu_count()}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
