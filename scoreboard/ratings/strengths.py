"""Ratings with intervals, whatever model they come from: differences, ranks, and bounds that hold on one side only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats
from sparring.scoreboard.ratings.maximum import ELO, Maximum, profile_bound
from sparring.scoreboard.stats import NAN, Estimate

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
    """The weight of a draw of two equals, next to 1 for either win: it has probability draw / (2 + draw)."""
    component: NDArray[np.int64]
    """[n], the number of the board."""
    games: NDArray[np.int64]
    """[n], games played."""
    clusters: NDArray[np.int64]
    """[n], clusters that the agent, or one that a walk ties to it, played in."""


def difference(ratings: Ratings, a: str, b: str) -> Estimate:
    """Elo of `a` less Elo of `b`, with a 95 % interval; NaN and no bounds where they are of different components."""
    i, j = (_index(ratings, name) for name in (a, b))
    if ratings.component[i] != ratings.component[j]:
        return Estimate(NAN, -math.inf, math.inf, 0, 0)
    n, clusters = int(min(ratings.games[[i, j]])), int(min(ratings.clusters[[i, j]]))
    value, error = float(ratings.elo[i] - ratings.elo[j]), float(_errors(ratings)[i, j])
    if ratings.bounded[i, j] and ratings.bounded[j, i]:
        half = float(half_width(np.array(error**2), np.array(clusters)))
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
    above, p_values = np.zeros_like(ratings.bounded), _p_values(ratings)
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


def half_width(variance: Floats, clusters: NDArray[np.int64]) -> Floats:
    """Of 95 % intervals by Student's t over clusters; infinite where there are not two of them."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return np.where(clusters > 1, stdtrit(np.maximum(clusters - 1, 1), 0.975) * np.sqrt(variance), math.inf)


def fill_bounds(ratings: Ratings, maximum: Maximum, within: NDArray[np.bool_], games_per_cluster: Floats) -> None:
    """Sets `low` and `high`, and scales the covariance of agents with one bound.

    `within`: [n, n], of one component; `games_per_cluster`: [n], in weights.
    """
    half = half_width(ratings.covariance.diagonal(), ratings.clusters)
    ratings.low[:], ratings.high[:] = ratings.elo - half, ratings.elo + half
    for flags, near, far, sign in (
        (ratings.undefeated, ratings.low, ratings.high, 1),
        (ratings.winless, ratings.high, ratings.low, -1),
    ):
        for agent in np.flatnonzero(flags):
            contrast = np.zeros_like(maximum.x)
            contrast[: len(within)] = within[agent] / -within[agent].sum()
            contrast[agent] += 1
            fall = ELO * profile_bound(maximum, sign * contrast, float(games_per_cluster[agent]))
            near[agent], far[agent] = ratings.elo[agent] - sign * fall, sign * math.inf
            scale = fall / ONE_SIDED_Z / math.sqrt(ratings.covariance[agent, agent])
            ratings.covariance[agent] *= scale
            ratings.covariance[:, agent] *= scale


def _index(ratings: Ratings, name: str) -> int:
    if name not in ratings.agents:
        raise ValueError(f"agent must be one of {', '.join(ratings.agents)}, got {name!r}")
    return list(ratings.agents).index(name)


def _errors(ratings: Ratings) -> Floats:
    """[n, n], Elo, the standard error of every difference."""
    variance = ratings.covariance.diagonal()
    return np.asarray(np.sqrt(np.maximum(variance[:, None] + variance - 2 * ratings.covariance, 0.0)))


def _p_values(ratings: Ratings) -> Floats:
    """[n, n], of the tests that two agents are alike; 1 where the games do not say."""
    from scipy.special import ndtr, stdtr

    lead, errors = ratings.elo[:, None] - ratings.elo, _errors(ratings)
    ratio = np.divide(lead, errors, out=np.zeros_like(lead), where=errors > 0)
    degrees = np.minimum(ratings.clusters[:, None], ratings.clusters) - 1
    two_sided = np.where(degrees > 0, 2 * stdtr(np.maximum(degrees, 1), -np.abs(ratio)), 1.0)
    one_sided = np.where(ratings.bounded, ndtr(-ratio), np.where(ratings.bounded.T, ndtr(ratio), 1.0))
    return np.asarray(np.where(ratings.bounded & ratings.bounded.T, two_sided, one_sided))
