"""Games a second of small games as tables, beside OpenSpiel's own loops in the same run.

    python benchmarks/tables.py [--seconds 0.5] [--rounds 7] [--json benchmarks/results/tables.json]

Uniformly random legal play, one process, one thread, CPU seconds. All contenders take turns in every round; figures are
medians over the rounds, of which the first does not count, and ratios are medians of the rounds' own ratios.

Whole games: `play_policies` with uniform policies, and with a random array for each seat; OpenSpiel's Python loop
(legal actions, `random.choice`, `apply_action`), and its C++ loop `evaluate_bots` with uniform bots.
Steps: 1,024 games from one seat against random play by `gymnasium.make_vec`, with view="table" and view="discrete".
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import gymnasium
import numpy as np
import pyspiel
from numpy.typing import NDArray

from sparring.envs.tables import Table, compile_game, play_policies

GAMES = {
    "TicTacToe": "tic_tac_toe",
    "KuhnPoker": "kuhn_poker",
    "LeducPoker": "leduc_poker",
}
AT_ONCE = 65_536
BOARDS = 1_024
TABLE, ARRAYS, LOOP, BOTS = "table, uniform", "table, arrays", "open_spiel, Python loop", "open_spiel, evaluate_bots"

Play = Callable[[], int]
"""Plays some games or steps; how many."""


def by_table(table: Table, policies: list[NDArray[np.float64] | None]) -> Play:
    rng = np.random.default_rng(0)
    return lambda: len(play_policies(table, policies, AT_ONCE, rng))


def by_loop(game: pyspiel.Game) -> Play:
    rng = random.Random(0)

    def play() -> int:
        for _ in range(500):
            state = game.new_initial_state()
            while not state.is_terminal():
                if state.is_chance_node():
                    outcomes, weights = zip(*state.chance_outcomes(), strict=True)
                    state.apply_action(rng.choices(outcomes, weights)[0])
                else:
                    state.apply_action(rng.choice(state.legal_actions()))
            state.returns()
        return 500

    return play


def by_bots(game: pyspiel.Game) -> Play:
    bots = [pyspiel.make_uniform_random_bot(player, player) for player in (0, 1)]

    def play() -> int:
        for seed in range(500):
            pyspiel.evaluate_bots(game.new_initial_state(), bots, seed)
        return 500

    return play


def by_vector(name: str, view: str) -> Play:
    env = gymnasium.make_vec(f"sparring.envs:sparring/{name}-v0", BOARDS, view=view, autoreset_mode="SameStep")
    seen = [env.reset(seed=0)[0]]

    def play() -> int:
        seen[0], *_ = env.step(seen[0]["action_mask"].argmax(axis=1))
        return BOARDS

    return play


def compiling(name: str) -> dict[str, float]:
    """How large the table is, and how long the first call takes."""
    started = time.process_time()
    table = compile_game(f"sparring/{name}-v0")
    return {"nodes": len(table.child_NW), "CPU seconds": round(time.process_time() - started, 3)}


def contenders(name: str) -> dict[str, Play]:
    """Of whole games."""
    table, game = compile_game(f"sparring/{name}-v0"), pyspiel.load_game(GAMES[name])
    drawn = np.random.default_rng(1).random(table.mask_IA.shape) * table.mask_IA
    policy = drawn / drawn.sum(axis=1, keepdims=True)
    return {
        TABLE: by_table(table, [None, None]),
        ARRAYS: by_table(table, [policy, policy]),
        LOOP: by_loop(game),
        BOTS: by_bots(game),
    }


def rate(play: Play, seconds: float) -> float:
    """A CPU second."""
    done, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds:
        done += play()
    return done / spent


def measured(plays: dict[str, Play], beside: str, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """By contender: how much a second, and how many times as much as the one beside it."""
    rates = [{name: rate(play, seconds) for name, play in plays.items()} for _ in range(rounds + 1)][1:]
    return {
        name: {
            "per second": round(median(one[name] for one in rates)),
            f"times {beside}": round(median(one[name] / one[beside] for one in rates), 2),
        }
        for name in plays
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU seconds of a contender in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, in each of which all contenders take turns")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    how = (options.seconds, options.rounds)
    figures: dict[str, object] = {"machine": {"python": platform.python_version(), "machine": platform.machine()}}
    figures["note"] = "the machine's cores were shared with other programs; compare ratios"
    figures["compiled"] = {name: compiling(name) for name in GAMES}
    figures["games"] = {name: measured(contenders(name), LOOP, *how) for name in GAMES}
    vectors = {name: {view: by_vector(name, view) for view in ("table", "discrete")} for name in GAMES}
    figures["steps"] = {name: measured(plays, "discrete", *how) for name, plays in vectors.items()}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
