"""How fast text games of other engines are, by themselves and behind our gate: steps per CPU second, best of runs.

Every contender plays the same game in the same run: a random command of those that the engine lists, at most 100 steps
an episode, resets included. The time is that of all its processes together: Python, the engine's process, Java. What
starts an engine and compiles a game is not timed. Each contender has a process of its own.

Needs: pip install "sparring[textworld,textworld-express,scienceworld]" psutil, and Java.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

EPISODE = 100
SEED = 1
Reset = Callable[[], Sequence[str]]
"""Starts the game; the commands that are open."""
Step = Callable[[str], tuple[Sequence[str], bool]]
"""Plays a command; the commands that are open, and whether the game is over."""
IDS = {
    "TextWorld simple": ("sparring/TextWorld-v0", {"kind": "simple"}),
    "TextWorld cooking": ("sparring/TextWorld-v0", {"kind": "cooking", "go": 6, "recipe": 2, "take": 2, "open": True}),
    "Z-machine, text only": ("sparring/Jericho-v0", {}),
    "Express cookingworld": ("sparring/TextWorldExpress-v0", {"game": "cookingworld"}),
    "Express twc": ("sparring/TextWorldExpress-v0", {"game": "twc"}),
    "ScienceWorld find-plant": ("sparring/ScienceWorld-v0", {"task": "find-plant"}),
}
STEPS = {"TextWorld simple": 2_000, "TextWorld cooking": 2_000, "ScienceWorld find-plant": 100}
WORDS = ("look", "inventory", "examine bed", "open chest drawer", "north", "take key", "east", "wait", "west")


def ours(game: str, folder: Path) -> tuple[Reset, Step]:
    """Through our environment."""
    from sparring import envs

    env_id, options = IDS[game]
    if env_id == "sparring/Jericho-v0":
        options = {"game": str(a_textworld_game(folder))}
    env = envs.make(env_id, max_turns=EPISODE + 1, **options)
    listed: Any = lambda info: info.get("legal_actions", WORDS)  # noqa: E731

    def step(command: str) -> tuple[Sequence[str], bool]:
        _, _, terminated, truncated, info = env.step(command)
        return listed(info), terminated or truncated

    return lambda: listed(env.reset(seed=SEED)[1]), step


def raw(game: str, folder: Path) -> tuple[Reset, Step]:
    """The engine as its library gives it, in this process."""
    if game.startswith("TextWorld"):
        return raw_textworld(a_textworld_game(folder, game.split()[1]))
    if game.startswith("Z-machine"):
        return raw_jericho(a_textworld_game(folder))
    if game.startswith("Express"):
        return raw_express(game.split()[1])
    return raw_scienceworld()


def raw_textworld(path: Path) -> tuple[Reset, Step]:
    """With score and admissible commands."""
    import textworld

    env = textworld.start(str(path), textworld.EnvInfos(admissible_commands=True, score=True, won=True, lost=True))

    def step(command: str) -> tuple[Sequence[str], bool]:
        state, _, done = env.step(command)
        return state.admissible_commands, done

    return lambda: env.reset().admissible_commands, step


def raw_jericho(path: Path) -> tuple[Reset, Step]:
    """Text only."""
    import jericho

    env = jericho.FrotzEnv(str(path), seed=SEED)

    def reset() -> Sequence[str]:
        env.reset()
        return WORDS

    return reset, lambda command: (WORDS, env.step(command)[2])


def raw_express(game: str) -> tuple[Reset, Step]:
    """With its valid actions."""
    from textworld_express import TextWorldExpressEnv

    env = TextWorldExpressEnv(envStepLimit=10**6)
    env.load(game, "")

    def step(command: str) -> tuple[Sequence[str], bool]:
        _, _, done, info = env.step(command)
        return info["validActions"], done

    return lambda: env.reset(seed=SEED, gameFold="train")[1]["validActions"], step


def raw_scienceworld() -> tuple[Reset, Step]:
    """With its valid actions."""
    from scienceworld import ScienceWorldEnv

    env = ScienceWorldEnv("", envStepLimit=10**6)
    env.load("find-plant", 1, "")

    def step(command: str) -> tuple[Sequence[str], bool]:
        _, _, done, info = env.step(command)
        return info["valid"], done

    return lambda: env.reset()[1]["valid"], step


def a_textworld_game(folder: Path, kind: str = "simple") -> Path:
    """A compiled game of the same kind and parameters as ours."""
    path = folder / f"{kind}.z8"
    words = {
        "simple": ["tw-simple", "--rewards", "dense", "--goal", "detailed"],
        "cooking": ["tw-cooking", "--go", "6", "--recipe", "2", "--take", "2", "--open"],
    }[kind]
    command = [str(Path(sys.executable).with_name("tw-make")), *words, "--seed", str(SEED), "--output", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def cpu_seconds() -> float:
    """Of this process and all that it has started and that still run."""
    here = psutil.Process()
    times = [process.cpu_times() for process in (here, *here.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def measured(game: str, contender: str, steps: int, runs: int) -> float:
    """Steps per CPU second, the best of the runs after one that warms up."""
    with tempfile.TemporaryDirectory() as folder:
        reset, step = {"ours": ours, "raw": raw}[contender](game, Path(folder))
        rates = [rate(reset, step, steps) for _ in range(runs + 1)]
    return max(rates[1:])


def rate(reset: Reset, step: Step, steps: int) -> float:
    """Steps per CPU second of random play."""
    rng, listed, length = random.Random(SEED), reset(), 0
    started = cpu_seconds()
    for _ in range(steps):
        listed, over = step(rng.choice(sorted(listed)))
        length += 1
        if over or length == EPISODE:
            listed, length = reset(), 0
    return steps / (cpu_seconds() - started)


def main() -> None:
    """Measure every contender, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/text_games.json"))
    parser.add_argument("--one", nargs=2, metavar=("GAME", "CONTENDER"), help="measure this one here, print the number")
    asked = parser.parse_args()
    if asked.one:
        print(measured(*asked.one, STEPS.get(asked.one[0], 3_000), asked.runs))
        return
    rows = {game: {who: in_a_process(game, who, asked.runs) for who in ("raw", "ours")} for game in IDS}
    table = Table("game", "engine alone", "through Sparring", "ratio")
    for game, row in rows.items():
        table.add_row(game, f"{row['raw']:,.0f}", f"{row['ours']:,.0f}", f"{row['ours'] / row['raw']:.2f}")
    Console().print(table)
    facts = {"python": platform.python_version(), "machine": platform.machine(), "date": time.strftime("%Y-%m-%d")}
    asked.output.write_text(json.dumps({"steps_per_cpu_second": rows, **facts}, indent=1) + "\n")


def in_a_process(game: str, contender: str, runs: int) -> float:
    """The figure of a contender, measured in a process of its own."""
    command = [sys.executable, "-P", __file__, "--runs", str(runs), "--one", game, contender]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{game}, {contender}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
