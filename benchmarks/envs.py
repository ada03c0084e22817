"""How fast our games are beside other libraries, and many games at once beside a loop over them.

Random legal play, one process, CPU seconds. All contenders of a game take turns in every round, so that a machine that
slows down slows all of them; the ratios are medians over the rounds, of which the first does not count.

Text: reset, read the observation of the seat to move, play a random legal action, at the end read what is shown then.
Building an environment is not timed; TextArena gets a new one for every game, because its wrappers keep the last game's
text after a reset. Both play the same game: TextArena's Kuhn poker, rock, paper, scissors and Blotto, which are matches
of 3, 9 and 9 rounds, with one round; liar's dice for two with one die each, because a lost round ends ours and costs a
die in theirs. Liar's dice for three is a match in both. The ratio is of steps per second; TextArena's legal actions are
listed in its step, as ours are in ours. Shimmy breaks off every Kuhn poker game after one move, so that only its steps
compare.
Discrete: the same with a vector and a mask, beside PettingZoo's games.
Vectors: 64 boards of tic-tac-toe from one seat against random play, the first legal cell; a plain loop over the 64
environments, Gymnasium's `sync`, and our own vector environment.

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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
from rich.console import Console
from rich.table import Table
from textarena_moves import TEXTARENA, Peer

from sparring import envs

BATCH = 20
NO_ACTION = "[none]"
AS_LARGE_AS_THEIRS: dict[str, dict[str, Any]] = {
    "Nim": {"piles": "3-4-5", "misere": False},
    "Breakthrough": {"rows": 8, "columns": 8},
    "Blotto": {"coins": 10},
    "Goofspiel": {"num_cards": 13},
    "MultiplayerLiarsDice": {"numdice": 5},
    "Pig": {"target": 100, "max_turns": 100},
}
PETTINGZOO = {"TicTacToe": "tictactoe_v3", "ConnectFour": "connect_four_v3"}
OPEN_SPIEL = {"TicTacToe": "tic_tac_toe", "KuhnPoker": "kuhn_poker", "ConnectFour": "connect_four"}

TEXT, DISCRETE, LOOP = "sparring, text", "sparring, discrete", "a loop over them"
BOARD, BOARDS = "sparring.envs:sparring/TicTacToe-v0", 64
BOARD_OPTIONS: dict[str, Any] = {"opponent": "random", "view": "discrete"}

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
    beside: str
    """The contender of the same game that it is compared with."""
    fresh: bool = False
    """Whether every game needs a new environment."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a contender, per CPU second: medians over the rounds."""

    game: str
    library: str
    games: float | None = None
    steps: float | None = None
    ratio: float | None = None
    """Steps per second of the one that it is compared with, divided by its own."""
    beside: str = ""
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


def play_textarena(peer: Peer) -> Play:
    """Steps of one TextArena game. Where it has no legal action and goes on, an illegal one ends it."""

    def play(env: Any, rng: random.Random) -> int:
        env.reset(num_players=peer.seats, seed=rng.getrandbits(30))
        steps, over = 0, False
        while not over:
            env.get_observation()
            over, _ = env.step(rng.choice(peer.legal(env.state.game_state) or [NO_ACTION]))
            steps += 1
        env.get_observation()
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


class Loop:
    """The environments of a vector environment one after another, as one writes it by hand; reset where one ended."""

    def __init__(self) -> None:
        self._envs = [gymnasium.make(BOARD, **BOARD_OPTIONS).unwrapped for _ in range(BOARDS)]
        self._seen = [env.reset(seed=place)[0] for place, env in enumerate(self._envs)]
        self._over = [False] * BOARDS

    def step(self) -> None:
        """One step of each."""
        for place, env in enumerate(self._envs):
            if self._over[place]:
                self._seen[place], self._over[place] = env.reset()[0], False
                continue
            action = int(self._seen[place]["action_mask"].argmax())
            self._seen[place], _, terminated, truncated, _ = env.step(action)
            self._over[place] = terminated or truncated


class Vector:
    """A vector environment in one of Gymnasium's modes."""

    def __init__(self, mode: str) -> None:
        self._env = gymnasium.make_vec(BOARD, BOARDS, vectorization_mode=mode, **BOARD_OPTIONS)
        self._seen = self._env.reset(seed=0)[0]

    def step(self) -> None:
        """One step of each."""
        self._seen, *_ = self._env.step(self._seen["action_mask"].argmax(axis=1))


def step_boards(env: Loop | Vector, _: random.Random) -> int:
    """Steps of one pass over all boards."""
    env.step()
    return BOARDS


def contenders(game: str) -> Iterator[Contender]:
    """Ours and the peers."""
    yield Contender(game, TEXT, "sparring", "", _ours(game, "text"), play_ours, TEXT)
    peer = TEXTARENA[game]
    for suffix in ("", "-raw"):
        yield Contender(
            game,
            f"textarena{suffix}",
            "textarena",
            "pip install textarena",
            _textarena(f"{peer.name or game}-v0{suffix}", peer.options),
            play_textarena(peer),
            TEXT,
            fresh=True,
        )
    yield Contender(game, DISCRETE, "sparring", "", _ours(game, "discrete"), play_pettingzoo, DISCRETE)
    if game in PETTINGZOO:
        build, needs = _pettingzoo(PETTINGZOO[game]), "pygame,pettingzoo.classic"
        yield Contender(
            game, "pettingzoo", needs, 'pip install "pettingzoo[classic]"', build, play_pettingzoo, DISCRETE
        )
    if game in OPEN_SPIEL:
        build = _shimmy(OPEN_SPIEL[game])
        yield Contender(game, "shimmy", "shimmy", "pip install shimmy", build, play_pettingzoo, DISCRETE)


def vector_contenders() -> Iterator[Contender]:
    """A loop by hand, and vector environments."""
    game = f"{BOARDS} boards"
    yield Contender(game, LOOP, "sparring", "", Loop, step_boards, LOOP)
    for mode in ("sync", "vector_entry_point"):
        yield Contender(game, mode, "sparring", "", partial(Vector, mode), step_boards, LOOP)


def _ours(game: str, view: envs.View) -> Callable[[], Any]:
    return lambda: envs.make(f"sparring/{game}-v0", view=view, **AS_LARGE_AS_THEIRS.get(game, {}))


def _textarena(env_id: str, options: Mapping[str, int]) -> Callable[[], Any]:
    def build() -> Any:
        import textarena

        return textarena.make(env_id, **options)

    return build


def _pettingzoo(module: str) -> Callable[[], Any]:
    return lambda: importlib.import_module(f"pettingzoo.classic.{module}").env()


def _shimmy(game: str) -> Callable[[], Any]:
    def build() -> Any:
        import pyspiel
        from shimmy import OpenSpielCompatibilityV0

        return OpenSpielCompatibilityV0(env=pyspiel.load_game(game))

    return build


def measure(contenders: Iterable[Contender], seconds: float, rounds: int) -> list[Speed]:
    """All contenders of a game, one after another in each round; one that is missing or fails says so in the note."""
    notes, found = dict[str, str](), list(contenders)
    rates = {contender.library: list[tuple[float, float]]() for contender in found}
    reused = {contender.library: _built(contender, notes) for contender in found}
    for number in range(-1, rounds):  # the first round warms up
        for contender in found:
            if contender.library in notes:
                continue
            try:
                rate = run(contender, reused[contender.library], seconds, number)
                if number >= 0:
                    rates[contender.library].append(rate)
            except Exception as error:  # noqa: BLE001  (a peer's failure is a row of the table)
                notes[contender.library] = f"failed: {type(error).__name__}: {error}"[:80]
    return [_speed(contender, rates, notes.get(contender.library, "")) for contender in found]


def _built(contender: Contender, notes: dict[str, str]) -> Any:
    if any(importlib.util.find_spec(module) is None for module in contender.needs.split(",")):
        notes[contender.library] = f"not installed: {contender.install}"
        return None
    return contender.build()


def _speed(contender: Contender, rates: dict[str, list[tuple[float, float]]], note: str) -> Speed:
    if note:
        return Speed(contender.game, contender.library, note=note)
    own, beside = rates[contender.library], rates[contender.beside]
    ratio = median(theirs / mine for (_, mine), (_, theirs) in zip(own, beside, strict=True))
    games, steps = (median(column) for column in zip(*own, strict=True))
    return Speed(contender.game, contender.library, games, steps, ratio, contender.beside)


def run(contender: Contender, reused: Any, seconds: float, seed: int) -> tuple[float, float]:
    """(games, steps) per CPU second of one run."""
    rng = random.Random(seed)
    games = steps = 0
    spent = 0.0
    while spent < seconds:
        batch = [contender.build() if contender.fresh else reused for _ in range(BATCH)]
        started = time.process_time()
        for env in batch:
            steps += contender.play(env, rng)
        spent += time.process_time() - started
        games += BATCH
    return games / spent, steps / spent


def table(speeds: list[Speed]) -> Table:
    """One row a contender of a game."""
    shown = Table(title="random legal play, per CPU second")
    for heading in ("game", "library"):
        shown.add_column(heading)
    for heading in ("games/s", "steps/s", "ours is faster by"):
        shown.add_column(heading, justify="right")
    for speed, following in zip(speeds, [*speeds[1:], None], strict=True):
        last = following is None or following.game != speed.game
        if speed.games is None or speed.steps is None:
            shown.add_row(speed.game, speed.library, "", speed.note, "", end_section=last)
            continue
        ratio = "" if speed.library == speed.beside else f"{speed.ratio:.1f} x"
        cells = (f"{speed.games:,.0f}", f"{speed.steps:,.0f}", ratio)
        shown.add_row(speed.game, speed.library, *cells, end_section=last)
    return shown


def vector_table(speeds: list[Speed]) -> Table:
    """One row a way to step many boards."""
    shown = Table(title=f"{BOARDS} boards of tic-tac-toe, discrete view, per CPU second")
    shown.add_column("way")
    for heading in ("steps/s", "beside the loop"):
        shown.add_column(heading, justify="right")
    for speed in speeds:
        shown.add_row(speed.library, f"{speed.steps:,.0f}", f"{1 / (speed.ratio or 1):.2f} x")
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


def _game(name: str) -> str:
    if name not in TEXTARENA:  # argparse's `choices` would also refuse that none is named
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(TEXTARENA)}")
    return name


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", nargs="*", type=_game, help=f"of {', '.join(TEXTARENA)}; without any: all")
    parser.add_argument("--seconds", type=float, default=0.3, help="CPU seconds of a contender in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, in each of which all contenders take turns")
    parser.add_argument("--games", type=int, default=10_000, help="games before a game in play is copied")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    games = options.game or list(TEXTARENA)
    warnings.simplefilter("ignore")
    speeds = [speed for game in games for speed in measure(contenders(game), options.seconds, options.rounds)]
    vectors = measure(vector_contenders(), options.seconds, options.rounds)
    console, copying = Console(), {game: copy_microseconds(game, options.games) for game in games}
    console.print(table(speeds))
    console.print(vector_table(vectors))
    told = ", ".join(f"{game} {microseconds:.0f}" for game, microseconds in copying.items())
    console.print(f"copy.deepcopy of a game in play after {options.games:,} games, CPU microseconds: {told}")
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        figures = {"speeds": [asdict(s) for s in speeds], "vectors": [asdict(s) for s in vectors], "copying": copying}
        options.json.write_text(json.dumps({"machine": machine, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
