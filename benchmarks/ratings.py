"""Seconds that ratings with intervals take, beside evalica and choix on the same games in the same run.

    .venv/bin/python -P benchmarks/ratings.py [--json FILE] [--games 1000000] [--agents 100] [--repeats 3]

Games have draws (about 24 %) and a seat worth 60 Elo; eight games with swapped seats are a cluster. The others fit
neither seats nor clusters, and give no interval; choix is given the games without draws.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from sparring.scoreboard.ratings.davidson import fit, rank_ranges
from sparring.scoreboard.ratings.game_theory import alpha_rank, nash_averaging, payoff_matrix
from sparring.scoreboard.ratings.games import Games

ELO = 400 / math.log(10)
GAMES_PER_CLUSTER = 8


def play(strengths: np.ndarray, count: int, seed: int) -> Games:
    """Random pairs, whose seats are swapped after every game."""
    rng, n, clusters = np.random.default_rng(seed), len(strengths), count // GAMES_PER_CLUSTER
    one = rng.integers(0, n, clusters)
    pairs = np.stack([one, (one + rng.integers(1, n, clusters)) % n], axis=1)
    cluster, swapped = np.arange(count) // GAMES_PER_CLUSTER, np.arange(count) % 2
    first, second = pairs[cluster, swapped], pairs[cluster, 1 - swapped]
    lead = (strengths[first] - strengths[second] + 60) / ELO
    weights = np.stack([np.exp(lead / 2), np.full(count, 0.7), np.exp(-lead / 2)])
    ends = np.cumsum(weights / weights.sum(axis=0), axis=0)
    score = 1 - (rng.random(count) > ends[:2]).sum(axis=0) / 2
    return Games([f"agent {number}" for number in range(n)], first, second, score, cluster, np.ones(count))


def evalica_input(games: Games) -> tuple[np.ndarray, np.ndarray, list[object]]:
    """Names of both sides and winners, as evalica takes them."""
    from evalica import Winner

    names, kinds = np.array(games.agents), [Winner.Y, Winner.Draw, Winner.X]
    winners = [kinds[kind] for kind in np.rint(2 * games.score).astype(int).tolist()]
    return names[games.first], names[games.second], winners


def fit_evalica(agents: list[str], first: np.ndarray, second: np.ndarray, winners: list[object]) -> np.ndarray:
    """[n], Elo."""
    from evalica import newman

    scores = newman(first, second, winners, tolerance=1e-8, limit=10_000).scores
    return ELO * np.log([scores[name] for name in agents])


def fit_choix(games: Games) -> np.ndarray:
    """[n], Elo; wins are counted within the time."""
    import choix

    wins, decided = np.zeros((len(games.agents),) * 2), games.score != 0.5
    won, first, second = games.score[decided] == 1, games.first[decided], games.second[decided]
    np.add.at(wins, (np.where(won, first, second), np.where(won, second, first)), 1)
    return ELO * choix.ilsr_pairwise_dense(wins)


def timed(solve: Callable[[], np.ndarray], repeats: int) -> tuple[np.ndarray, float]:
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        found = solve()
        seconds.append(time.perf_counter() - begun)
    return found, median(seconds)


def measured(count: int, agents: int, repeats: int) -> dict[str, object]:
    strengths = np.random.default_rng(1).normal(0, 200, agents)
    games = play(strengths, count, seed=1)
    found: dict[str, object] = {"games": count, "agents": agents, "draws": round(float((games.score == 0.5).mean()), 3)}

    def add(name: str, elo: np.ndarray, seconds: float) -> None:
        error = (elo - elo.mean()) - (strengths - strengths.mean())
        found[name] = {"seconds": round(seconds, 3), "rmse_elo": round(float(np.sqrt(np.mean(error**2))), 2)}
        print(f"{name}: {found[name]}", flush=True)

    add("sparring, intervals over clusters", *timed(lambda: fit(games).elo, repeats))
    add("sparring, games taken for independent", *timed(lambda: fit(games, clustered=False).elo, repeats))
    theirs = evalica_input(games)
    add("evalica newman", *timed(lambda: fit_evalica(games.agents, *theirs), repeats))
    add("choix ilsr_pairwise_dense", *timed(lambda: fit_choix(games), 1))
    ratings, payoffs = fit(games), payoff_matrix(games)
    for name, solve in (
        ("rank ranges", lambda: rank_ranges(ratings)),
        ("nash averaging", lambda: nash_averaging(payoffs)),
        ("alpha-rank", lambda: alpha_rank(payoffs)),
    ):
        found[name] = {"seconds": round(timed(solve, repeats)[1], 4)}
        print(f"{name}: {found[name]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--games", type=int, default=1_000_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    small, large = measured(100_000, 20, asked.repeats), measured(asked.games, asked.agents, asked.repeats)
    if asked.json:
        asked.json.write_text(json.dumps([small, large], indent=2) + "\n")


if __name__ == "__main__":
    main()
