"""Ratings of games of two: draws and seats are modelled, and the intervals hold for games that depend on each other.

Davidson (JASA 65, 1970) adds draws to the model of Bradley and Terry. With θ the strengths (natural logarithms), s the
advantage of the first seat and ν the weight of draws, a game of i in the first seat against j has d = θ_i - θ_j + s and
    P(i wins) = e^(d/2) / Z,    P(j wins) = e^(-d/2) / Z,    P(draw) = ν / Z,    Z = e^(d/2) + e^(-d/2) + ν
so that wins are to losses as e^d to 1, whatever ν. Elo: 400 points are odds of 10 to 1. x = (θ [n], s, log ν).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.columns import distinct
from sparring.scoreboard.ratings.games import Floats, Games
from sparring.scoreboard.ratings.links import Links, Walk, link
from sparring.scoreboard.ratings.maximum import ELO, RIDGE, Scores, count_clusters, covariance, maximise
from sparring.scoreboard.ratings.strengths import Ratings, difference, fill_bounds, half_width, rank_ranges
from sparring.scoreboard.stats import Estimate

__all__ = ["Ratings", "difference", "fit", "rank_ranges"]
NEVER_DRAWN = -700.0
"""The logarithm of the weight of draws where there are none: it vanishes next to the other terms."""


def fit(games: Games, ridge: float = RIDGE, walk: Walk = (), seat: bool = True, clustered: bool = True) -> Ratings:
    """Ratings of all agents.

    `ridge`: weight of the penalty ridge/2 · (Σ θ² + s² + (log ν)²) in natural units, θ around its component's mean.
    `walk` ties checkpoints of one agent. `clustered` False takes every game for independent.
    Raises ValueError for a ridge or a walk out of range, and where ridge 0 leaves a rating infinite.
    """
    counts = count_results(games)
    links = _links(counts, walk)
    n, start = counts.agents, np.zeros(counts.agents + 2)
    free = np.append(np.ones(n, bool), [seat and len(games) > 0, counts.results[1].sum() > 0])
    start[-1] = 0.0 if free[-1] else NEVER_DRAWN
    maximum = maximise(counts, links, ridge, walk, free, start)
    cluster = distinct(games.cluster.astype(np.int64))[1] if clustered else np.arange(len(games))
    scores = _scores(games, counts, maximum.x, cluster)
    spread, clusters = covariance(maximum, scores), count_clusters(scores, links.chain)
    ratings = Ratings(
        agents=games.agents,
        elo=maximum.x[:n] * ELO,
        covariance=spread[:n, :n],
        low=np.empty(n),
        high=np.empty(n),
        undefeated=links.on_top(),
        winless=links.at_bottom(),
        bounded=links.bounded,
        seat=_seat(maximum.x[n] * ELO, spread[n, n], len(games), scores.clusters) if seat else None,
        draw=math.exp(maximum.x[-1]) if free[-1] else 0.0,
        component=links.component,
        games=_sum_by_agent(games, np.ones(len(games))).astype(np.int64),
        clusters=clusters,
    )
    fill_bounds(ratings, maximum, links.within, _sum_by_agent(games, games.weight) / np.maximum(clusters, 1))
    return ratings


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Summed weights of results, by pair and seats, one row for each of R pairs that met; and their likelihood.

    Games of one pair in the same seats differ by their result only: these counts are all that the likelihood needs.
    """

    agents: int
    first: NDArray[np.int64]
    """[R]"""
    second: NDArray[np.int64]
    """[R]"""
    results: Floats
    """[3, R]: the first seat won, a draw, the second seat won."""
    row: NDArray[np.int64]
    """[N], the row of every game."""

    def log_probabilities(self, x: Floats) -> Floats:
        """[3, R], of the results."""
        lead = x[self.first] - x[self.second] + x[-2]
        weights = np.stack([lead / 2, np.full_like(lead, x[-1]), -lead / 2])
        return np.asarray(weights - np.logaddexp.reduce(weights, axis=0))

    def value(self, x: Floats) -> float:
        """The log-likelihood, nats."""
        return float((self.results * self.log_probabilities(x)).sum())

    def slope(self, x: Floats) -> Floats:
        """[n + 2], its gradient."""
        won, drawn, lost = np.exp(self.log_probabilities(x))
        total = self.results.sum(axis=0)
        lead = (self.results[0] - self.results[2] - total * (won - lost)) / 2
        strengths = np.bincount(self.first, lead, self.agents) - np.bincount(self.second, lead, self.agents)
        return np.append(strengths, [lead.sum(), (self.results[1] - total * drawn).sum()])

    def information(self, x: Floats) -> Floats:
        """[n + 2, n + 2], minus its Hessian."""
        n = self.agents
        won, drawn, lost = np.exp(self.log_probabilities(x))
        total, mean = self.results.sum(axis=0), (won - lost) / 2
        spread, mixed = total * ((won + lost) / 4 - mean**2), -total * mean * drawn
        met = np.bincount(self.first * n + self.second, spread, n * n).reshape(n, n)
        matrix = np.zeros((n + 2, n + 2))
        matrix[:n, :n] = np.diag(met.sum(axis=0) + met.sum(axis=1)) - met - met.T
        for column, values in ((n, spread), (n + 1, mixed)):
            matrix[:n, column] = np.bincount(self.first, values, n) - np.bincount(self.second, values, n)
            matrix[n, column] = values.sum()
        matrix[n + 1, n + 1] = (total * drawn * (1 - drawn)).sum()
        return np.asarray(np.triu(matrix) + np.triu(matrix, 1).T)


def count_results(games: Games) -> Counts:
    """Sums the weights of equal results."""
    agents = len(games.agents)
    keys, row = distinct(games.first.astype(np.int64) * agents + games.second)
    column = np.rint(2 - 2 * games.score).astype(np.int64)
    sums = np.bincount(column * len(keys) + row, games.weight, 3 * len(keys)).astype(np.float64)
    return Counts(agents, keys // max(agents, 1), keys % max(agents, 1), sums.reshape(3, len(keys)), row)


def _links(counts: Counts, walk: Walk) -> Links:
    won, drawn, lost = counts.results > 0
    above = np.concatenate([counts.first[won | drawn], counts.second[lost | drawn]])
    below = np.concatenate([counts.second[won | drawn], counts.first[lost | drawn]])
    return link(counts.agents, above, below, walk)


def _scores(games: Games, counts: Counts, x: Floats, cluster: NDArray[np.int64]) -> Scores:
    won, drawn, lost = np.exp(counts.log_probabilities(x))
    lead = games.weight * (games.score - 0.5 - ((won - lost) / 2)[counts.row])
    draws = games.weight * ((games.score == 0.5) - drawn[counts.row])
    seat, draw = (np.full(len(games), counts.agents + place) for place in (0, 1))
    return Scores(
        np.tile(cluster, 4),
        np.concatenate([games.first, games.second, seat, draw]).astype(np.int64),
        np.concatenate([lead, -lead, lead, draws]),
    )


def _seat(value: float, variance: float, n: int, clusters: int) -> Estimate:
    half = float(half_width(np.array(variance), np.array(clusters)))
    return Estimate(float(value), float(value) - half, float(value) + half, n, clusters)


def _sum_by_agent(games: Games, values: Floats) -> Floats:
    """[n], the sum over the games of every agent; a game against itself counts once."""
    n, other = len(games.agents), games.first != games.second
    return np.asarray(np.bincount(games.first, values, n) + np.bincount(games.second[other], values[other], n))
