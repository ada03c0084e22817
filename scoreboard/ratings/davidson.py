"""Ratings with intervals from games of two: draws and seats are modelled, clusters are what is counted.

The model is Davidson's (see `likelihood`), its largest penalised likelihood is found by Newton's method on counts, and
its covariance is the sandwich over clusters (see `sandwich`). Elo: 400 points are odds of 10 to 1 of a win to a loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats, Games
from sparring.scoreboard.ratings.likelihood import NEVER_DRAWN, Counts, count_results, information, maximise
from sparring.scoreboard.ratings.profile import profile_bound
from sparring.scoreboard.ratings.sandwich import clusters_of_groups, score_products
from sparring.scoreboard.ratings.separation import bounded_below, components, walk_groups
from sparring.scoreboard.stats import NAN, Estimate

ELO = 400 / math.log(10)
"""Points of Elo in one natural unit of strength."""
RIDGE = 0.03
"""A normal prior with a deviation of 1,000 Elo."""
SIGNIFICANT = 0.05
ONE_SIDED_Z = 1.6448536269514722
"""The normal quantile of 95 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """Strengths of n agents with 95 % intervals; those of different components cannot be compared."""

    agents: Sequence[str]
    elo: Floats
    """[n], Elo, mean 0 over each component."""
    covariance: Floats
    """[n, n], squared Elo. Rows of `undefeated` and `winless` agents are scaled to fit their one bound."""
    low: Floats
    """[n], Elo; -inf for a `winless` agent."""
    high: Floats
    """[n], Elo; inf for an `undefeated` agent."""
    undefeated: NDArray[np.bool_]
    """[n], no chain of losses and draws leads up from here, though others are below: `low` is a one-sided bound."""
    winless: NDArray[np.bool_]
    """[n], no chain of wins and draws leads down from here, though others are above: `high` is a one-sided bound."""
    bounded: NDArray[np.bool_]
    """[n, n]: at [i, j], whether the games bound the lead of i over j from below."""
    seat: Estimate | None
    """Elo, the advantage of the first seat; None where no seat was fitted."""
    draw: float
    """The weight of a draw between equals, next to 1 for either win: it has probability draw / (2 + draw)."""
    component: NDArray[np.int64]
    """[n], the number of the board."""
    games: NDArray[np.int64]
    """[n], games played."""
    clusters: NDArray[np.int64]
    """[n], clusters that the agent, or one that a walk ties to it, played in."""


@dataclass(frozen=True, slots=True, eq=False)
class _Maximum:
    counts: Counts
    penalty: Floats
    """[n + 2, n + 2], the prior."""
    centred: Floats
    """The prior, and what holds the mean of every component at 0, which changes no difference."""
    free: NDArray[np.bool_]
    x: Floats


def fit(
    games: Games,
    ridge: float = RIDGE,
    walk: Sequence[tuple[int, int, float]] = (),
    seat: bool = True,
    clustered: bool = True,
) -> Ratings:
    """Ratings of all agents.

    `ridge`: weight of the penalty ridge/2 · (Σ θ² + s² + (log ν)²) in natural units, θ around its component's mean.
    `walk`: (i, j, sd) ties agents i and j, such as a checkpoint and the next one: θ_i - θ_j is normal with mean 0 and
    the standard deviation sd, Elo. `clustered` False takes every game for independent.
    Raises ValueError for a ridge or a walk out of range, and where ridge 0 leaves a rating infinite.
    """
    _check(ridge, walk, len(games.agents))
    ties = [(one, other) for one, other, _ in walk]
    counts = count_results(games)
    component, bounded = components(counts, ties), bounded_below(counts, ties)
    within = component[:, None] == component
    if ridge == 0 and (within & ~bounded).any():
        raise ValueError("ridge must be > 0: some agents won, or lost, every game against the others")
    maximum = _maximum(counts, ridge, walk, seat, within)
    cluster = np.unique(games.cluster, return_inverse=True)[1] if clustered else np.arange(len(games))
    group = walk_groups(counts.agents, ties)
    clusters = clusters_of_groups(games, cluster, group)[group]
    covariance, total = _covariance(games, maximum, cluster), int(cluster.max(initial=-1)) + 1
    advantage = float(maximum.x[-2] * ELO)
    half = float(_half_width(covariance[-2, -2], np.array(total)))
    ratings = Ratings(
        agents=games.agents,
        elo=maximum.x[:-2] * ELO,
        covariance=covariance[:-2, :-2],
        low=np.empty(counts.agents),
        high=np.empty(counts.agents),
        undefeated=(within & ~bounded.T).any(axis=1) & ~(within & bounded.T & ~bounded).any(axis=1),
        winless=(within & ~bounded).any(axis=1) & ~(within & bounded & ~bounded.T).any(axis=1),
        bounded=bounded,
        seat=Estimate(advantage, advantage - half, advantage + half, len(games), total) if seat else None,
        draw=math.exp(maximum.x[-1]),
        component=component,
        games=_sum_by_agent(games, np.ones(len(games))).astype(np.int64),
        clusters=clusters,
    )
    _set_bounds(ratings, maximum, within, _sum_by_agent(games, games.weight) / np.maximum(clusters, 1))
    return ratings


def difference(ratings: Ratings, a: str, b: str) -> Estimate:
    """Elo of `a` less Elo of `b`, with a 95 % interval; NaN and no bounds where they are of different components."""
    i, j = (list(ratings.agents).index(name) for name in (a, b))
    n, clusters = int(min(ratings.games[[i, j]])), int(min(ratings.clusters[[i, j]]))
    if ratings.component[i] != ratings.component[j]:
        return Estimate(NAN, -math.inf, math.inf, 0, 0)
    value, error = float(ratings.elo[i] - ratings.elo[j]), float(_errors(ratings)[i, j])
    if ratings.bounded[i, j] and ratings.bounded[j, i]:
        half = float(_half_width(np.array(error**2), np.array(clusters)))
        return Estimate(value, value - half, value + half, n, clusters)
    low = value - ONE_SIDED_Z * error if ratings.bounded[i, j] else -math.inf
    high = value + ONE_SIDED_Z * error if ratings.bounded[j, i] else math.inf
    return Estimate(value, low, high, n, clusters)


def rank_ranges(ratings: Ratings) -> list[tuple[int, int]]:
    """[n], the best and the worst rank of every agent within its component that the games leave open; 1 is the best.

    An agent is above another where the test of their difference says so, at a level of 5 % for all pairs of a component
    together: p-values are compared, from the smallest, with 0.05/m, 0.05/(m-1), ... until one is larger (Holm,
    Scandinavian Journal of Statistics 6, 1979).
    """
    above = np.zeros_like(ratings.bounded)
    p_values = _p_values(ratings)
    for number in np.unique(ratings.component):
        members = np.flatnonzero(ratings.component == number)
        one, other = (members[side] for side in np.triu_indices(len(members), 1))
        ordered = np.argsort(p_values[one, other], kind="stable")
        levels = SIGNIFICANT / np.arange(len(ordered), 0, -1)
        kept = np.logical_and.accumulate(p_values[one, other][ordered] <= levels)
        one, other = one[ordered[kept]], other[ordered[kept]]
        better = ratings.elo[one] > ratings.elo[other]
        above[np.where(better, one, other), np.where(better, other, one)] = True
    size = np.bincount(ratings.component)[ratings.component]
    return [(int(best), int(worst)) for best, worst in zip(1 + above.sum(0), size - above.sum(1), strict=True)]


def _check(ridge: float, walk: Sequence[tuple[int, int, float]], agents: int) -> None:
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge must be a finite number >= 0, got {ridge}")
    for tie in walk:
        if not (0 <= tie[0] < agents and 0 <= tie[1] < agents and tie[0] != tie[1] and 0 < tie[2] < math.inf):
            raise ValueError(f"walk must tie two of {agents} agents with a deviation > 0 Elo, got {tie}")


def _maximum(
    counts: Counts, ridge: float, walk: Sequence[tuple[int, int, float]], seat: bool, within: NDArray[np.bool_]
) -> _Maximum:
    n, mean = counts.agents, within / within.sum(axis=1)
    free = np.ones(n + 2, bool)
    free[-2], free[-1] = seat and len(counts.first) > 0, counts.results[1].sum() > 0
    penalty = np.diag(np.where(free, ridge, 0.0))
    penalty[:n, :n] -= ridge * mean
    for one, other, deviation in walk:
        pull = (ELO / deviation) ** 2
        penalty[[one, other], [one, other]] += pull
        penalty[[one, other], [other, one]] -= pull
    start = np.zeros(n + 2)
    start[-1] = 0.0 if free[-1] else NEVER_DRAWN
    centred = penalty.copy()
    centred[:n, :n] += mean
    return _Maximum(counts, penalty, centred, free, maximise(counts, centred, free, start, np.zeros(n + 2)))


def _covariance(games: Games, maximum: _Maximum, cluster: NDArray[np.int64]) -> Floats:
    """[n + 2, n + 2], squared Elo; the prior counts as one more piece of evidence. 0 for what is not fitted."""
    chosen = np.ix_(np.flatnonzero(maximum.free), np.flatnonzero(maximum.free))
    products = score_products(games, maximum.counts, maximum.x, cluster) + maximum.penalty
    inverse = np.linalg.inv(information(maximum.counts, maximum.centred, maximum.x)[chosen])
    covariance = np.zeros_like(products)
    covariance[chosen] = ELO**2 * inverse @ products[chosen] @ inverse
    return covariance


def _set_bounds(ratings: Ratings, maximum: _Maximum, within: NDArray[np.bool_], games_per_cluster: Floats) -> None:
    """Fills `low` and `high`, and scales the covariance of agents with one bound."""
    half = _half_width(ratings.covariance.diagonal(), ratings.clusters)
    ratings.low[:], ratings.high[:] = ratings.elo - half, ratings.elo + half
    for flags, near, far, sign in (
        (ratings.undefeated, ratings.low, ratings.high, 1),
        (ratings.winless, ratings.high, ratings.low, -1),
    ):
        for agent in np.flatnonzero(flags):
            contrast = np.append(within[agent] / -within[agent].sum(), [0.0, 0.0])
            contrast[agent] += 1
            fall = ELO * profile_bound(
                maximum.counts, maximum.centred, maximum.free, maximum.x, sign * contrast, games_per_cluster[agent]
            )
            near[agent], far[agent] = ratings.elo[agent] - sign * fall, sign * math.inf
            scale = fall / ONE_SIDED_Z / math.sqrt(ratings.covariance[agent, agent])
            ratings.covariance[agent] *= scale
            ratings.covariance[:, agent] *= scale


def _errors(ratings: Ratings) -> Floats:
    """[n, n], Elo, the standard error of every difference."""
    variance = ratings.covariance.diagonal()
    return np.asarray(np.sqrt(np.maximum(variance[:, None] + variance - 2 * ratings.covariance, 0.0)))


def _p_values(ratings: Ratings) -> Floats:
    """[n, n], of the tests that two agents are alike; 1 where the games do not say."""
    from scipy.special import ndtr, stdtr  # type: ignore[import-untyped]

    lead, errors = ratings.elo[:, None] - ratings.elo, _errors(ratings)
    ratio = np.divide(lead, errors, out=np.zeros_like(lead), where=errors > 0)
    degrees = np.minimum(ratings.clusters[:, None], ratings.clusters) - 1
    two_sided = np.where(degrees > 0, 2 * stdtr(np.maximum(degrees, 1), -np.abs(ratio)), 1.0)
    one_sided = np.where(ratings.bounded, ndtr(-ratio), np.where(ratings.bounded.T, ndtr(ratio), 1.0))
    return np.asarray(np.where(ratings.bounded & ratings.bounded.T, two_sided, one_sided))


def _half_width(variance: Floats, clusters: NDArray[np.int64]) -> Floats:
    """Of 95 % intervals by Student's t over clusters; infinite where there are not two of them."""
    from scipy.special import stdtrit

    return np.where(clusters > 1, stdtrit(np.maximum(clusters - 1, 1), 0.975) * np.sqrt(variance), math.inf)


def _sum_by_agent(games: Games, values: Floats) -> Floats:
    """[n], the sum over the games of every agent; a game against itself counts once."""
    n, other = len(games.agents), games.first != games.second
    return np.asarray(np.bincount(games.first, values, n) + np.bincount(games.second[other], values[other], n))
