"""SPIRAL with SmolLM2 on Kuhn poker, tic-tac-toe and negotiation for a number of minutes, on whatever device there is.

    python benchmarks/gpu_spiral.py --minutes 8 --run runs/gpu --json benchmarks/results/gpu_spiral.json

Writes the curves, tokens per second and the device's name. Kuhn poker and tic-tac-toe are played among the legal
actions; negotiation has no finite list of them, so there the model writes freely and is parsed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from sparring.agents.models.weights.reading import pick_device
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run

GAMES = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0")


def device_name(device: str) -> str:
    """What the run was made on."""
    return (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else f"CPU, {torch.get_num_threads()} threads"
    )


def train(config: Config, path: Path, minutes: float) -> list[dict[str, Any]]:
    """Train until the time is up; the last update is finished, evaluated and saved."""
    rows: list[dict[str, Any]] = []
    console, end = Console(), time.monotonic() + 60 * minutes

    def watch(metrics: dict[str, Any]) -> None:
        rows.append(metrics)
        shown = {
            k: round(v, 3) for k, v in metrics.items() if k.startswith(("nash_conv/", "reward/", "tokens_per", "ill"))
        }
        console.print(f"update {metrics['update']}: {shown}", highlight=False, soft_wrap=True)

    Run.start(Spiral, config, path).run(watch, should_stop=lambda: time.monotonic() > end)
    return rows


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--games-per-update", type=int, default=768)
    parser.add_argument("--plan", type=int, default=150, help="updates over which step size and magnet are annealed")
    parser.add_argument("--max-new-tokens", type=int, default=48, help="longest answer where the model writes freely")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    config = Config(
        model=options.model,
        device=options.device,
        games=GAMES,
        steps=options.plan,
        games_per_update=options.games_per_update,
        max_new_tokens=options.max_new_tokens,
        evaluation_games=100,
        checkpoint_every=50,
    )
    rows = train(config, options.run, options.minutes)
    seconds = sum(row["seconds"] for row in rows)
    result = {
        "device": device_name(pick_device(options.device)),
        "model": options.model,
        "torch": torch.__version__,
        "minutes": round(seconds / 60, 2),
        "updates": len(rows),
        "episodes": sum(row.get("episodes", 0) for row in rows),
        "tokens": sum(row.get("tokens", 0) for row in rows),
        "tokens_per_second": round(sum(row.get("tokens", 0) for row in rows) / seconds, 1),
        "curves": rows,
    }
    Console().print({name: value for name, value in result.items() if name != "curves"})
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
