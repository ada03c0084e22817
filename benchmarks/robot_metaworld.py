"""Meta-World by its own policies: 50 tasks, five episodes each.

nice -n 10 python benchmarks/robot_metaworld.py --json benchmarks/results/robot_metaworld.json

About two minutes of one core; what stands in the JSON file is not measured again. Success is what Meta-World says in
`info["success"]`, in the first step in which it says so, within its 500 steps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sparring import make
from sparring.envs.robot.executors.metaworld import PackagedPolicies
from sparring.envs.robot.metaworld.tasks import TASKS, said_of

Row = dict[str, Any]


def measure(task: str, seed: int) -> Row:
    """One episode of the task's policy."""
    started = time.process_time()
    world, executor = make("sparring/MetaWorldControl-v0", task=task), PackagedPolicies()
    world.reset(seed=seed)
    executor.begin(world)
    steps, over, solved = 0, False, False
    while not over:
        *_, solved, truncated, _ = world.step(executor.act(world))
        steps, over = steps + 1, solved or truncated
    world.close()
    cpu = round(time.process_time() - started, 3)
    return {"task": task, "seed": seed, "success": bool(solved), "steps": steps, "cpu_seconds": cpu}


def save(file: Path | None, rows: list[Row]) -> None:
    """Write the file whole, or not at all."""
    if file is not None:
        packages = {name: version(name) for name in ("mujoco", "metaworld", "numpy")}
        facts = {"python": platform.python_version(), "cpu": cpu_model(), "cores": os.cpu_count(), **packages}
        beside = file.with_suffix(".part")
        beside.write_text(json.dumps({"machine": facts, "rows": rows}, indent=1) + "\n")
        beside.replace(file)


def cpu_model() -> str:
    """As the system names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def table(rows: Sequence[Row]) -> Table:
    """The tasks that are not always solved, and all together."""
    view = Table("task", "plan in the six verbs", "success", "steps")
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        if not all(row["success"] for row in own):
            view.add_row(task, "yes" if said_of(task).plan else "no", *_cells(own))
    view.add_section()
    view.add_row("all", "", *_cells(rows))
    return view


def _cells(rows: Sequence[Row]) -> tuple[str, str]:
    return f"{np.mean([row['success'] for row in rows]):.3f}", f"{np.mean([row['steps'] for row in rows]):.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = json.loads(options.json.read_text())["rows"] if options.json and options.json.exists() else []
    known = {(row["task"], row["seed"]) for row in rows}
    for task in track(options.tasks, "tasks", console=Console(stderr=True)):
        missing = [seed for seed in range(options.episodes) if (task, seed) not in known]
        if missing:
            rows += [measure(task, seed) for seed in missing]
            save(options.json, rows)
    Console().print(table(rows))


if __name__ == "__main__":
    main()
