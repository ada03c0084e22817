"""Text adventures: steps per CPU second with the admissible commands of every state, ours beside other engines.

    python benchmarks/adventures.py                    everything
    python benchmarks/adventures.py --games 1000       proves a thousand sampled games of each split

Random admissible commands, resets included; every engine in the same run. A child process (a JVM) is counted.
Peers are not dependencies of this script: what is not installed says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cpu_time import cpu_seconds
from rich.console import Console
from rich.table import Table

from sparring import envs
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.sampler import sample, sample_game
from sparring.envs.adventures.worlds.simulator import Simulator, Stage

GAMES = 10
"""Of each difficulty, played in turn."""
MOST_TURNS = 100
Play = Callable[[Any, random.Random], int]


@dataclass(frozen=True, slots=True)
class Speed:
    """Best run of an engine, per CPU second."""

    engine: str
    game: str
    steps: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What writing and proving games takes."""

    split: str
    games: int
    proven: int
    milliseconds: float
    """CPU, of one game: writing and proving."""
    slowest: float


def play_simulator(players: list[Simulator], rng: random.Random) -> int:
    """Steps of one episode of each game."""
    steps = 0
    for player in players:
        player.reset()
        while player.ending is None and player.turn < player.most_turns:
            commands = player.commands
            player.step(commands[int(rng.random() * len(commands))])
            steps += 1
    return steps


def play_ours(env: Any, rng: random.Random) -> int:
    """Steps of one episode of each game, through the Gymnasium interface."""
    steps = 0
    for seed in range(GAMES):
        _, info = env.reset(seed=seed)
        over = False
        while not over:
            commands = info["legal_actions"]
            _, _, terminated, truncated, info = env.step(commands[int(rng.random() * len(commands))])
            steps, over = steps + 1, terminated or truncated
    return steps


def play_textworld(env: Any, rng: random.Random) -> int:
    """Steps of one episode of TextWorld."""
    state, over, steps = env.reset(), False, 0
    while not over and steps < MOST_TURNS:
        state, _, over = env.step(rng.choice(state["admissible_commands"]))
        steps += 1
    return steps


def play_express(env: Any, rng: random.Random) -> int:
    """Steps of one episode of TextWorldExpress."""
    _, infos = env.reset(seed=rng.randrange(10_000), gameFold="train", generateGoldPath=False)
    steps, over = 0, False
    while not over and steps < MOST_TURNS:
        _, _, over, infos = env.step(rng.choice(infos["validActions"]))
        steps += 1
    return steps


def contenders() -> Iterator[tuple[str, str, str, Callable[[], Any], Play]]:
    """(engine, game, module that it needs, how to build it, how to play it)."""
    for difficulty in (1, 3, 5):
        what = f"sampled, difficulty {difficulty}"
        yield "simulator", what, "sparring", _simulators(difficulty), play_simulator
        yield "Adventure-v0", what, "sparring", _environment(difficulty), play_ours
    yield "textworld", "custom, 5 rooms, 10 objects", "textworld", _textworld, play_textworld
    for game in ("cookingworld", "twc", "coin"):
        yield "textworld-express", game, "textworld_express", _express(game), play_express


def _simulators(difficulty: int) -> Callable[[], Any]:
    return lambda: [Simulator(Stage(sample("train", seed, difficulty).machine)) for seed in range(GAMES)]


def _environment(difficulty: int) -> Callable[[], Any]:
    return lambda: envs.make("sparring/Adventure-v0", difficulty=difficulty, games=GAMES)


def _textworld() -> Any:
    import textworld

    options = textworld.GameOptions()
    options.nb_rooms, options.nb_objects, options.quest_length, options.seeds = 5, 10, 5, 1
    options.path = f"{tempfile.mkdtemp()}/game.z8"
    path = textworld.generator.compile_game(textworld.generator.make_game(options), options)
    return textworld.start(path, request_infos=textworld.EnvInfos(admissible_commands=True))


def _express(game: str) -> Callable[[], Any]:
    def build() -> Any:
        from textworld_express import TextWorldExpressEnv

        env = TextWorldExpressEnv(envStepLimit=MOST_TURNS)
        env.load(gameName=game, gameParams="")
        return env

    return build


def measure(seconds: float, runs: int) -> Iterator[Speed]:
    """The best of several runs of each engine, after one episode that warms up."""
    for engine, game, needs, build, play in contenders():
        if importlib.util.find_spec(needs) is None:
            yield Speed(engine, game, None, f"not installed: {needs}")
            continue
        try:
            env = build()
            play(env, random.Random(0))
            yield Speed(engine, game, max(_run(env, play, seconds, seed) for seed in range(runs)))
        except Exception as error:  # noqa: BLE001  (a peer's failure is a row of the table)
            yield Speed(engine, game, None, f"failed: {type(error).__name__}: {error}"[:80])


def _run(env: Any, play: Play, seconds: float, seed: int) -> float:
    rng, steps, started = random.Random(seed), 0, cpu_seconds()
    while (spent := cpu_seconds() - started) < seconds:
        for _ in range(5):
            steps += play(env, rng)
    return steps / spent if spent else 0.0


def proofs(count: int) -> Iterator[Proofs]:
    """Write and prove so many games of each split, of all difficulties in turn, all different."""
    for split in ("train", "held_out"):
        known: set[str] = set()
        times, proven = [], 0
        for seed in range(count):
            started = time.process_time()
            manifest = prove(sample_game(split, seed, 1 + seed % 5), known)  # type: ignore[arg-type]
            times.append(1_000 * (time.process_time() - started))
            known.add(manifest.fingerprint)
            proven += manifest.ok
        yield Proofs(split, count, proven, sum(times) / count, max(times))


def show(speeds: list[Speed], proven: list[Proofs]) -> None:
    """Both tables."""
    table = Table("engine", "game", "steps per CPU second", title="random admissible commands, listed at every step")
    for speed in speeds:
        table.add_row(speed.engine, speed.game, speed.note if speed.steps is None else f"{speed.steps:,.0f}")
    written = Table("split", "games", "pass every proof", "CPU ms each", "slowest", title="written and proven")
    for one in proven:
        cells = (f"{one.games}", f"{one.proven}", f"{one.milliseconds:.1f}", f"{one.slowest:.0f}")
        written.add_row(one.split, *cells)
    Console().print(table, written)


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds of one run")
    parser.add_argument("--runs", type=int, default=3, help="runs of each engine; the best one counts")
    parser.add_argument("--games", type=int, default=100, help="sampled games of each split to write and prove")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    speeds, proven = list(measure(options.seconds, options.runs)), list(proofs(options.games))
    show(speeds, proven)
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        figures = {"machine": machine, "speeds": [asdict(s) for s in speeds], "proofs": [asdict(p) for p in proven]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
