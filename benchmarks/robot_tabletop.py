"""The tabletop's speed and how often scripted play solves it, by the twin and by MuJoCo.

    python benchmarks/robot_tabletop.py                    exit code 1 below a bar
    python benchmarks/robot_tabletop.py --json x.json

Speed: control steps a CPU second through `env.step`, in one process, actions drawn beforehand, the best of three runs.
The bars: 50,000 for the twin, 2,200 for MuJoCo, and .98 of 200 tasks solved by the scripted executor.

What the procedure costs: whole plans through TabletopPlan-v0 by MuJoCo, then the same attempts in the same states by a
bare loop of `world.advance(executor.act(world))`, then the same actions by `world.advance` alone; resets left out, CPU
time, of every plan the best of ten rounds. The bar: the procedure takes less than 5 % of the bare loop's time.
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
from sparring.envs.robot.plan import TabletopPlan
from sparring.envs.robot.tabletop.control import SIMULATORS, Simulator, TabletopControl
from sparring.envs.robot.types import Array
from sparring.robotics.subgoals import parse_step
from sparring.robotics.words import Subgoal
from sparring.scoreboard.stats import wilson
from sparring.trainers.robot.measuring import measure

STEPS: dict[Simulator, int] = {"twin": 60_000, "mujoco": 5_000}
BARS: dict[Simulator, int] = {"twin": 50_000, "mujoco": 2_200}
SOLVED = 0.98
RUNS, RESETS = 3, 200
ROUNDS, PLANS = 10, 20
MOST_COST = 0.05


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


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds a control step; the executor's own are no cost of the procedure."""

    simulator: str
    steps: int
    advance: float
    executor: float
    procedure: float
    """What TabletopPlan takes beside these two."""
    share: float
    """Of the procedure, in units of the other two."""
    steps_per_cpu_second: float
    """Through TabletopPlan."""


Tried = list[tuple[Subgoal, int, int]]
"""Of every attempt the subgoal, its number, and its control steps."""


def cost(simulator: Simulator) -> Cost:
    """What the procedure takes beside the world and the executor; without faults, so that all three do the same."""
    env, world, executor = TabletopPlan(simulator, ask="plan"), TabletopControl(simulator), ScriptedTabletop()
    sums, steps = np.zeros(3), 0
    for seed in range(PLANS):
        best = np.full(3, np.inf)
        for _ in range(ROUNDS):
            planned, tried = through_procedure(env, seed)
            bare, actions = by_hand(world, executor, seed, tried)
            best = np.minimum(best, (planned, bare, replayed(world, seed, actions)))
        sums, steps = sums + best, steps + len(actions)
    planned, bare, moved = (1e6 * sums / steps).tolist()
    figures = (round(one, 2) for one in (moved, bare - moved, planned - bare))
    return Cost(world.simulator, steps, *figures, round(planned / bare - 1, 4), round(1e6 / planned))


def through_procedure(env: TabletopPlan, seed: int) -> tuple[float, Tried]:
    """CPU seconds of a seed's plan, and what was tried."""
    env.reset(seed=seed)
    plan = env.walkthrough(seed)[0]
    start = time.process_time()
    *_, info = env.step(plan)
    taken = time.process_time() - start
    tried = Tried()
    for one in info["hidden"]["attempts"]:
        subgoal = parse_step(one["subgoal"], env.world.things)
        assert isinstance(subgoal, Subgoal)
        tried.append((subgoal, one["number"], one["steps"]))
    return taken, tried


def by_hand(world: TabletopControl, executor: ScriptedTabletop, seed: int, tried: Tried) -> tuple[float, list[Array]]:
    """CPU seconds of the same attempts in a bare loop, and their actions. Raises SystemExit where it goes elsewhere."""
    world.reset(seed=seed)
    actions = list[Array]()
    start = time.process_time()
    for subgoal, number, steps in tried:
        executor.begin(world, subgoal, number)
        for _ in range(steps):
            actions.append(executor.act(world))
            world.advance(actions[-1])
    taken = time.process_time() - start
    if not world.solved():
        raise SystemExit(f"seed {seed} ends elsewhere without the procedure: the two cannot be compared")
    return taken, actions


def replayed(world: TabletopControl, seed: int, actions: list[Array]) -> float:
    """CPU seconds of the world alone."""
    world.reset(seed=seed)
    start = time.process_time()
    for action in actions:
        world.advance(action)
    return time.process_time() - start


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
    costs = [cost(simulator) for simulator in SIMULATORS]
    table = Table("simulator", "world, µs a step", "executor", "procedure", "its share", "steps/CPU s")
    for one in costs:
        parts = (f"{part:.1f}" for part in (one.advance, one.executor, one.procedure))
        table.add_row(one.simulator, *parts, f"{one.share:.1%}", f"{one.steps_per_cpu_second:,.0f}")
    Console().print(table)
    if chosen.json:
        said = {"cpu": cpu(), "python": platform.python_version(), "rows": [asdict(row) for row in rows]}
        said["procedure"] = [asdict(one) for one in costs]
        chosen.json.write_text(json.dumps(said, indent=1) + "\n")
    bars = [BARS[simulator] for simulator in SIMULATORS]
    fast = all(row.steps_per_cpu_second >= bar for row, bar in zip(rows, bars, strict=True))
    cheap = all(one.share < MOST_COST for one in costs if one.simulator.startswith("mujoco"))
    return int(not (fast and cheap and all(row.scripted >= SOLVED for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
