"""CPU seconds to write down a language model's whole policy, and the exact numbers that the scoreboard must give.

OMP_NUM_THREADS=1 python benchmarks/exact.py --json benchmarks/results/exact.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from sparring import registry
from sparring.scoreboard import game_theory

KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"


def score(model: str, env_id: str, orders: tuple[str, ...]) -> dict[str, Any]:
    """Every information state of a game, by one model."""
    agent = registry.make_agent(model)
    states = len(game_theory.solved_game(env_id).states)
    started = time.process_time()
    policy = game_theory.tabular_policy(agent, env_id, orders)
    seconds = time.process_time() - started
    value = game_theory.nash_conv(env_id, policy)
    return {
        "what": f"{model}, {' and '.join(orders)} order",
        "env": env_id,
        "information states": states * len(orders),
        "CPU seconds": round(seconds, 2),
        "NashConv": round(value, 6),
    }


def references(env_id: str) -> list[dict[str, Any]]:
    """The numbers that anyone can look up."""
    return [
        {"what": name, "env": env_id, "NashConv": round(v, 6)} for name, v in game_theory.references(env_id).items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [*references(KUHN), *references(LEDUC)]
    rows += [score(options.model, KUHN, orders) for orders in (("given",), ("reversed",), ("given", "reversed"))]
    view = Table("what", "environment", "information states", "CPU seconds", "NashConv")
    for row in rows:
        seconds, states = row.get("CPU seconds", ""), row.get("information states", "")
        view.add_row(row["what"], row["env"], str(states), str(seconds), f"{row['NashConv']:.6f}")
    Console().print(view)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
