"""Each RL library on tic-tac-toe against `random`, with the very code of docs/rl_code.md, beside random play.

    .venv-rl/bin/python -P benchmarks/trainers_table.py --json benchmarks/results/trainers_table.json

`make test-rl` builds that environment, which holds all the libraries. A block of the page runs in a process of its own
with `STEPS` of its row; what it has trained then plays 500 games on seeds that no training drew, from a seat that the
seed decides. An illegal action loses its game. CPU seconds are those of training, the library's start included.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from rich.console import Console
from rich.table import Table

from sparring.scoreboard.stats import bounded_mean, wilson

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rl_code.md"
GAMES, FIRST_SEED = 500, 10**6
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = re.compile(r"^(STEPS.*? = )[\d_]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trainer:
    """A row: whose code, in which block, for how many steps."""

    name: str
    package: str
    """The distribution whose version is shown."""
    marker: str
    """A line that only its block has."""
    steps: int
    """Steps of the learner; of TRL, actions that it is shown, and as many answers."""


TRAINERS = (
    Trainer("Stable-Baselines3 PPO", "stable-baselines3", "from stable_baselines3 import PPO", 60_000),
    Trainer("Stable-Baselines3 DQN", "stable-baselines3", "from stable_baselines3 import DQN", 50_000),
    Trainer("sb3-contrib MaskablePPO", "sb3-contrib", "from sb3_contrib import MaskablePPO", 50_000),
    Trainer("CleanRL's way, PPO", "torch", "envs = gymnasium.make_vec(", 50_176),
    Trainer("tianshou DQN", "tianshou", "from tianshou.algorithm import DQN", 30_720),
    Trainer("TorchRL PPO", "torchrl", "from torchrl.envs import", 50_176),
    Trainer("RLlib PPO", "ray", "from ray.rllib.algorithms.ppo import PPOConfig", 50_176),
    Trainer("OpenSpiel tabular Q-learning", "open-spiel", "tabular_qlearner import QLearner", 300_000),
    Trainer("TRL SFT, then GRPO, text", "trl", "from trl import GRPOConfig, GRPOTrainer", 20_480),
)
RANDOM = Trainer("random", "gymnasium", "", 0)


@dataclass(frozen=True, slots=True)
class Result:
    """What a row has shown. Intervals are 95 %."""

    trainer: str
    version: str
    steps: int
    cpu_seconds: float
    reward: tuple[float, float, float]
    """Mean a game, and its interval."""
    win_rate: tuple[float, float, float]
    illegal: int
    """Games that an illegal action lost."""


def block_of(trainer: Trainer) -> str:
    """The program on the page, with the row's steps. ValueError if the page has not just one."""
    found = [block for block in BLOCK.findall(PAGE.read_text()) if trainer.marker in block]
    if len(found) != 1:
        raise ValueError(f"{PAGE.name} must have one block with {trainer.marker!r}, it has {len(found)}")
    return STEPS.sub(lambda match: f"{match[1]}{trainer.steps}", found[0], count=1)


def train(trainer: Trainer) -> tuple[Callable[[Any], Any], str, float]:
    """How the trained policy chooses, its view, and the CPU seconds of training."""
    if trainer == RANDOM:
        draw = np.random.default_rng(0)
        return lambda seen: int(draw.choice(np.flatnonzero(seen["action_mask"]))), "discrete", 0.0
    names: dict[str, Any] = {"__name__": "__main__"}
    before = time.process_time()
    exec(compile(block_of(trainer), PAGE.name, "exec"), names)
    return names["choose"], names.get("VIEW", "discrete"), time.process_time() - before


def evaluate(choose: Callable[[Any], Any], view: str) -> tuple[list[float], int]:
    """The rewards of the games, and how many of them an illegal action lost."""
    env = gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent="random", seat="random", view=view)
    rewards, illegal = [], 0
    for seed in range(FIRST_SEED, FIRST_SEED + GAMES):
        (seen, info), over, paid = env.reset(seed=seed), False, 0.0
        while not over:
            seen, reward, terminated, truncated, info = env.step(choose(seen))
            over, paid = terminated or truncated, paid + float(reward)
        rewards.append(paid)
        illegal += bool(info["illegal"])
    return rewards, illegal


def measure(trainer: Trainer) -> Result:
    """Train and evaluate, in this process."""
    choose, view, seconds = train(trainer)
    rewards, illegal = evaluate(choose, view)
    mean, wins = bounded_mean(rewards, list(range(GAMES)), -1.0, 1.0), wilson(sum(r > 0 for r in rewards), GAMES)
    three = [(round(one.value, 3), round(one.low, 3), round(one.high, 3)) for one in (mean, wins)]
    version = importlib.metadata.version(trainer.package)
    return Result(trainer.name, version, trainer.steps, round(seconds, 1), three[0], three[1], illegal)


def measure_apart(trainer: Trainer) -> Result:
    """The same in a process of its own, so that no library meets another."""
    command = [sys.executable, "-P", __file__, "--alone", trainer.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{trainer.name}: {done.stderr[-2000:]}")
    row = json.loads(done.stdout.splitlines()[-1])
    return Result(**{**row, "reward": tuple(row["reward"]), "win_rate": tuple(row["win_rate"])})


def table(results: list[Result]) -> Table:
    """The results as people read them."""
    view = Table("trainer", "version", "steps", "CPU s", "reward a game", "win rate", "lost by illegal actions")
    for row in results:
        mean, low, high = row.reward
        rate, least, most = (100 * share for share in row.win_rate)
        reward, wins = f"{mean:+.3f} ({low:+.3f} to {high:+.3f})", f"{rate:.1f} % ({least:.1f} to {most:.1f})"
        view.add_row(
            row.trainer, row.version, f"{row.steps:,}", f"{row.cpu_seconds:.0f}", reward, wins, str(row.illegal)
        )
    return view


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", help="the rows to measure, by the beginnings of their names")
    parser.add_argument("--alone", choices=[row.name for row in (RANDOM, *TRAINERS)], help=argparse.SUPPRESS)
    given = parser.parse_args()
    rows = (RANDOM, *TRAINERS)
    if given.alone:
        print("\n" + json.dumps(asdict(measure(next(row for row in rows if row.name == given.alone)))))
        return
    if given.only:
        rows = tuple(row for row in rows if row.name.startswith(tuple(given.only)))
    results = []
    for row in rows:
        results.append(measure_apart(row))
        print(f"{row.name}: {results[-1].reward[0]:+.3f} a game", flush=True)
        if given.json:
            found = {"machine": platform.machine(), "games": GAMES, "results": [asdict(result) for result in results]}
            given.json.write_text(json.dumps(found, indent=1) + "\n")
    Console(width=160).print(table(results))


if __name__ == "__main__":
    main()
