"""Davidson's model of games with draws: its likelihood on counts, and Newton's method for its maximum.

Davidson (JASA 65, 1970) adds draws to the model of Bradley and Terry. With θ the strengths (natural logarithms), s the
advantage of the first seat and ν the weight of draws, a game of i in the first seat against j has d = θ_i - θ_j + s and
    P(i wins) = e^(d/2) / Z,    P(j wins) = e^(-d/2) / Z,    P(draw) = ν / Z,    Z = e^(d/2) + e^(-d/2) + ν
so that wins are to losses as e^d to 1, whatever ν. The likelihood is concave in the parameters x = (θ [n], s, log ν),
and games of the same pair in the same seats differ by their result only: counts of results are all that it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats, Games

NEVER_DRAWN = -700.0
"""The logarithm of the weight of draws where there are none: it vanishes next to the other terms."""
STEPS = 100
SMALL_STEP = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Summed weights of results, by pair and seats: one row for each of R pairs that met."""

    agents: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    results: Floats
    """[3, R]: the first seat won, a draw, the second seat won."""
    row: NDArray[np.int64]
    """[N], the row of every game."""


def count_results(games: Games) -> Counts:
    """Sums the weights of equal results."""
    agents = len(games.agents)
    keys, row = np.unique(games.first.astype(np.int64) * agents + games.second, return_inverse=True)
    column = np.rint(2 - 2 * games.score).astype(np.int64)
    sums = np.bincount(column * len(keys) + row, games.weight, 3 * len(keys)).astype(np.float64)
    return Counts(agents, keys // max(agents, 1), keys % max(agents, 1), sums.reshape(3, len(keys)), row)


def probabilities(counts: Counts, x: Floats) -> Floats:
    """[3, R]: that the first seat wins, that nobody does, that the second seat does."""
    return np.asarray(np.exp(_log_probabilities(counts, x)))


def _log_probabilities(counts: Counts, x: Floats) -> Floats:
    lead = x[counts.first] - x[counts.second] + x[-2]
    weights = np.stack([lead / 2, np.full_like(lead, x[-1]), -lead / 2])
    return np.asarray(weights - np.logaddexp.reduce(weights, axis=0))


def log_likelihood(counts: Counts, penalty: Floats, x: Floats) -> float:
    """Of the counts, less x·penalty·x / 2."""
    return float((counts.results * _log_probabilities(counts, x)).sum() - x @ penalty @ x / 2)


def slope(counts: Counts, penalty: Floats, x: Floats) -> Floats:
    """[n + 2], the gradient of `log_likelihood`."""
    won, drawn, lost = probabilities(counts, x)
    total = counts.results.sum(axis=0)
    lead = (counts.results[0] - counts.results[2] - total * (won - lost)) / 2
    strengths = np.bincount(counts.first, lead, counts.agents) - np.bincount(counts.second, lead, counts.agents)
    draws = (counts.results[1] - total * drawn).sum()
    return np.asarray(np.concatenate([strengths, [lead.sum(), draws]]) - penalty @ x)


def information(counts: Counts, penalty: Floats, x: Floats) -> Floats:
    """[n + 2, n + 2], minus the Hessian of `log_likelihood`."""
    n = counts.agents
    won, drawn, lost = probabilities(counts, x)
    total, mean = counts.results.sum(axis=0), (won - lost) / 2
    spread, mixed = total * ((won + lost) / 4 - mean**2), -total * mean * drawn
    met = np.bincount(counts.first * n + counts.second, spread, n * n).reshape(n, n)
    matrix = np.zeros((n + 2, n + 2))
    matrix[:n, :n] = np.diag(met.sum(axis=0) + met.sum(axis=1)) - met - met.T
    for column, values in ((n, spread), (n + 1, mixed)):
        matrix[:n, column] = np.bincount(counts.first, values, n) - np.bincount(counts.second, values, n)
        matrix[n, column] = values.sum()
    matrix[n + 1, n + 1] = (total * drawn * (1 - drawn)).sum()
    return np.asarray(np.triu(matrix) + np.triu(matrix, 1).T + penalty)


def maximise(counts: Counts, penalty: Floats, free: NDArray[np.bool_], start: Floats, tilt: Floats) -> Floats:
    """The x of the largest `log_likelihood` + tilt·x, over the entries of x that are `free`; Newton's method.

    Raises ValueError where no finite x is the largest.
    """

    def height(at: Floats) -> float:
        return log_likelihood(counts, penalty, at) + float(tilt @ at)

    x, chosen = start, np.flatnonzero(free)
    for _ in range(STEPS):
        matrix = information(counts, penalty, x)[np.ix_(chosen, chosen)]
        step = np.zeros_like(x)
        step[chosen] = np.linalg.solve(matrix, (slope(counts, penalty, x) + tilt)[chosen])
        least = height(x) - 1e-10 * (1 + abs(height(x)))
        while height(x + step) < least:
            step = step / 2
        x = x + step
        if np.abs(step).max(initial=0.0) < SMALL_STEP:
            return x
    raise ValueError("the games have no finite ratings: ridge must be > 0, or larger than it is")
