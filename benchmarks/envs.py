"""How fast our text games are beside other libraries: random legal play, one process, CPU seconds, best of runs.

Every library plays the same games in the same run: reset, read the observation of the seat to move, play a random
legal action. Building an environment is not timed; TextArena gets a new one for every game, because its wrappers keep
the last game's text after a reset. TextArena's Kuhn poker is a match of 3 rounds, each counted as a game; the ratio
is of steps per second. Shimmy breaks off every Kuhn poker game after one move, so that only its steps compare.

Peers are not dependencies of Sparring. To have them in the table:
    pip install textarena            # TextArena
    pip install shimmy               # Shimmy's OpenSpiel wrapper
    pip install "pettingzoo[classic]"
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import platform
import random
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sparring import envs

BATCH = 20
GAMES = ("TicTacToe", "KuhnPoker", "ConnectFour", "SimpleNegotiation")
PETTINGZOO = {"TicTacToe": "tictactoe_v3", "ConnectFour": "connect_four_v3"}
OPEN_SPIEL = {"TicTacToe": "tic_tac_toe", "KuhnPoker": "kuhn_poker", "ConnectFour": "connect_four"}
TEXTARENA_ROUNDS = {"KuhnPoker": 3}

Play = Callable[[Any, random.Random], int]


@dataclass(frozen=True, slots=True)
class Contender:
    """A library's way to play one game."""

    game: str
    library: str
    needs: str
    """The modules to import, separated by commas."""
    install: str
    build: Callable[[], Any]
    play: Play
    fresh: bool = False
    """Whether every game needs a new environment."""
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Speed:
    """Best run of a contender, per CPU second."""

    game: str
    library: str
    games: float | None
    steps: float | None
    note: str = ""


def play_ours(env: Any, rng: random.Random) -> int:
    """Steps of one game through the text view."""
    steps = 0
    env.reset(seed=rng.getrandbits(30))
    over = False
    while not over:
        _, _, terminated, truncated, info = env.last()
        over = terminated or truncated
        if not over:
            env.step(rng.choice(info.get("legal_actions") or info["suggested_actions"]))
            steps += 1
    return steps


def play_textarena(legal: Callable[[Any], list[str]]) -> Play:
    """Steps of one TextArena game."""

    def play(env: Any, rng: random.Random) -> int:
        env.reset(num_players=2, seed=rng.getrandbits(30))
        steps, over = 0, False
        while not over:
            env.get_observation()
            over, _ = env.step(rng.choice(legal(env.state.game_state)))
            steps += 1
        return steps

    return play


def play_pettingzoo(env: Any, rng: random.Random) -> int:
    """Steps of one PettingZoo or Shimmy game."""
    env.reset(seed=rng.getrandbits(30))
    steps = 0
    while env.agents:
        seen, _, terminated, truncated, info = env.last()
        if terminated or truncated:
            break
        mask = info["action_mask"] if "action_mask" in info else seen["action_mask"]
        env.step(rng.choice([action for action, legal in enumerate(mask) if legal]))
        steps += 1
    return steps


def textarena_tic_tac_toe(state: Any) -> list[str]:
    """Empty cells."""
    return [f"[{at}]" for at in range(9) if not state["board"][at // 3][at % 3]]


def textarena_kuhn(state: Any) -> list[str]:
    """What the betting allows."""
    return [f"[{name}]" for name in state["current_legal_action_tree"]]


def textarena_connect_four(state: Any) -> list[str]:
    """Columns with room."""
    return [f"[col {column}]" for column in range(7) if state["board"][0][column] == "."]


def textarena_negotiation(state: Any) -> list[str]:
    """Offers of one piece that each side can pay, and an answer."""
    stocks = state["player_resources"].values()
    names = [name for name in ("Wheat", "Wood", "Sheep") if all(stock[name] for stock in stocks)]
    return ["[Deny]", "[Accept]", *[f"[Offer: 1 {name} -> 1 Ore]" for name in names]]


TEXTARENA = {
    "TicTacToe": textarena_tic_tac_toe,
    "KuhnPoker": textarena_kuhn,
    "ConnectFour": textarena_connect_four,
    "SimpleNegotiation": textarena_negotiation,
}


def contenders() -> Iterator[Contender]:
    """Ours and the peers, game by game."""
    for game in GAMES:
        yield Contender(game, "sparring", "sparring", "", _ours(game), play_ours)
        for suffix in ("", "-raw"):
            yield Contender(
                game,
                f"textarena{suffix}",
                "textarena",
                "pip install textarena",
                _textarena(f"{game}-v0{suffix}"),
                play_textarena(TEXTARENA[game]),
                fresh=True,
                rounds=TEXTARENA_ROUNDS.get(game, 1),
            )
        if game in PETTINGZOO:
            build, needs = _pettingzoo(PETTINGZOO[game]), "pygame,pettingzoo.classic"
            yield Contender(game, "pettingzoo", needs, 'pip install "pettingzoo[classic]"', build, play_pettingzoo)
        if game in OPEN_SPIEL:
            build = _shimmy(OPEN_SPIEL[game])
            yield Contender(game, "shimmy", "shimmy", "pip install shimmy", build, play_pettingzoo)


def _ours(game: str) -> Callable[[], Any]:
    return lambda: envs.make(f"sparring/{game}-v0")


def _textarena(env_id: str) -> Callable[[], Any]:
    def build() -> Any:
        import textarena

        return textarena.make(env_id)

    return build


def _pettingzoo(module: str) -> Callable[[], Any]:
    return lambda: importlib.import_module(f"pettingzoo.classic.{module}").env()


def _shimmy(game: str) -> Callable[[], Any]:
    def build() -> Any:
        import pyspiel
        from shimmy import OpenSpielCompatibilityV0

        return OpenSpielCompatibilityV0(env=pyspiel.load_game(game))

    return build


def measure(contender: Contender, seconds: float, runs: int) -> Speed:
    """The best of several runs; a peer that is not installed or fails says so in the note."""
    missing = [module for module in contender.needs.split(",") if importlib.util.find_spec(module) is None]
    if missing:
        return Speed(contender.game, contender.library, None, None, f"not installed: {contender.install}")
    try:
        best = max(run(contender, seconds, seed) for seed in range(runs))
    except Exception as error:  # noqa: BLE001  (a peer's failure is a row of the table)
        return Speed(contender.game, contender.library, None, None, f"failed: {type(error).__name__}: {error}"[:80])
    return Speed(contender.game, contender.library, *best)


def run(contender: Contender, seconds: float, seed: int) -> tuple[float, float]:
    """(games, steps) per CPU second of one run."""
    rng = random.Random(seed)
    games = steps = 0
    spent = 0.0
    reused = contender.build()
    while spent < seconds:
        batch = [contender.build() if contender.fresh else reused for _ in range(BATCH)]
        started = time.process_time()
        for env in batch:
            steps += contender.play(env, rng)
        spent += time.process_time() - started
        games += BATCH * contender.rounds
    return games / spent, steps / spent


def table(speeds: list[Speed]) -> Table:
    """One row a contender; the ratio is ours over theirs."""
    shown = Table(title="random legal play, per CPU second")
    for heading in ("game", "library"):
        shown.add_column(heading)
    for heading in ("games/s", "steps/s", "ours is faster by"):
        shown.add_column(heading, justify="right")
    ours = {speed.game: speed.steps for speed in speeds if speed.library == "sparring"}
    for speed in speeds:
        if speed.games is None or speed.steps is None:
            shown.add_row(speed.game, speed.library, speed.note, "", "")
            continue
        ratio = "" if speed.library == "sparring" else f"{(ours[speed.game] or 0) / speed.steps:.1f} x"
        last = speed.library == "shimmy" or (speed.game == "SimpleNegotiation" and speed.library == "textarena-raw")
        cells = (f"{speed.games:,.0f}", f"{speed.steps:,.0f}", ratio)
        shown.add_row(speed.game, speed.library, *cells, end_section=last)
    return shown


def copy_microseconds(game: str, games: int, copies: int = 500) -> float:
    """CPU microseconds of `copy.deepcopy` of a game in play, after so many games in this process: the best of five."""
    env, rng = envs.make(f"sparring/{game}-v0"), random.Random(0)
    for _ in range(games):
        play_ours(env, rng)
    env.reset(seed=1)
    info = env.infos[env.agent_selection]
    env.step((info.get("legal_actions") or info["suggested_actions"])[0])
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(copies):
            copy.deepcopy(env)
        best = min(best, (time.process_time() - started) / copies)
    return 1e6 * best


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds of one run")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contender; the best one counts")
    parser.add_argument("--games", type=int, default=10_000, help="games before a game in play is copied")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    speeds = [measure(contender, options.seconds, options.runs) for contender in contenders()]
    console, copying = Console(), {game: copy_microseconds(game, options.games) for game in GAMES}
    console.print(table(speeds))
    told = ", ".join(f"{game} {microseconds:.0f}" for game, microseconds in copying.items())
    console.print(f"copy.deepcopy of a game in play after {options.games:,} games, CPU microseconds: {told}")
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        options.json.write_text(
            json.dumps({"machine": machine, "speeds": [asdict(s) for s in speeds], "copying": copying}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
