"""The tabletop's speed and how often scripted play solves it, by the twin and by MuJoCo.

    python benchmarks/robot_tabletop.py                    exit code 1 below a bar
    python benchmarks/robot_tabletop.py --json x.json

Speed: control steps a CPU second through `env.step`, in one process, actions drawn beforehand, the best of three runs.
The bars: 50,000 for the twin, 2,200 for MuJoCo, and .98 of 200 tasks solved by the scripted executor.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from sparring.envs.robot.executors.tabletop import HastyTabletop, ScriptedTabletop
from sparring.envs.robot.tabletop.control import SIMULATORS, Simulator, TabletopControl
from sparring.scoreboard.stats import wilson
from sparring.trainers.robot.measuring import measure

STEPS: dict[Simulator, int] = {"twin": 60_000, "mujoco": 5_000}
BARS: dict[Simulator, int] = {"twin": 50_000, "mujoco": 2_200}
SOLVED = 0.98
RUNS, RESETS = 3, 200


@dataclass(frozen=True, slots=True)
class Row:
    """What a simulator gives."""

    simulator: str
    steps_per_cpu_second: float
    reset_ms: float
    scripted: float
    """Share of unseen tasks that the scripted executor solves with one attempt at every subgoal."""
    hasty: float
    tasks: int


def speed(simulator: Simulator) -> tuple[float, float, str]:
    """Control steps a CPU second, milliseconds of a reset, and the simulator's version."""
    env = TabletopControl(simulator, max_steps=10**9)
    actions = np.random.default_rng(0).uniform(-1, 1, (512, 4)).astype(np.float32)
    best = 0.0
    for run in range(RUNS):
        env.reset(seed=run)
        start = time.process_time()
        for step in range(STEPS[simulator]):
            env.step(actions[step % len(actions)])
        best = max(best, STEPS[simulator] / (time.process_time() - start))
    start = time.process_time()
    for seed in range(RESETS):
        env.reset(seed=seed)
    return best, (time.process_time() - start) / RESETS * 1_000, env.simulator


def row_of(simulator: Simulator, tasks: int) -> Row:
    """Speed and scripted play."""
    steps, reset, version = speed(simulator)
    solved = [measure(executor, simulator, tasks, 0).tasks.value for executor in (ScriptedTabletop(), HastyTabletop())]
    return Row(version, round(steps), round(reset, 3), solved[0], solved[1], tasks)


def cpu() -> str:
    """The processor's name, as Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = [row_of(simulator, chosen.tasks) for simulator in SIMULATORS]
    table = Table("simulator", "steps/CPU s", "reset, ms", "scripted", "hasty", "95 % of scripted")
    for row in rows:
        around = wilson(round(row.scripted * row.tasks), row.tasks)
        shares = f"{row.scripted:.3f}", f"{row.hasty:.3f}", f"{around.low:.3f} to {around.high:.3f}"
        table.add_row(row.simulator, f"{row.steps_per_cpu_second:,.0f}", f"{row.reset_ms:.2f}", *shares)
    Console().print(table)
    if chosen.json:
        said = {"cpu": cpu(), "python": platform.python_version(), "rows": [asdict(row) for row in rows]}
        chosen.json.write_text(json.dumps(said, indent=1) + "\n")
    bars = [BARS[simulator] for simulator in SIMULATORS]
    fast = all(row.steps_per_cpu_second >= bar for row, bar in zip(rows, bars, strict=True))
    return int(not (fast and all(row.scripted >= SOLVED for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
