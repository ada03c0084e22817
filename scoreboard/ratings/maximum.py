"""The largest penalised likelihood of a model of strengths: Newton's method, its covariance and its profile.

Parameters x [p]: the strengths θ of n agents (natural logarithms), then what else a model has. The likelihoods here are
concave, so that Newton's method with halved steps finds their maximum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats
from sparring.scoreboard.ratings.links import Bools, Links, Walk

ELO = 400 / math.log(10)
"""Points of Elo in one natural unit of strength."""
RIDGE = 0.03
"""The default: a normal prior with a deviation of 1,000 Elo."""
STEPS = 100
SMALL_STEP = 1e-9
ONE_SIDED = math.log(20)
"""Nothing is more extreme than to win every game, so the likelihood of that is the p-value: 1/20 at the bound."""


class Likelihood(Protocol):
    """A concave log-likelihood of x [p]."""

    def value(self, x: Floats) -> float:
        """The log-likelihood, nats."""
        ...

    def slope(self, x: Floats) -> Floats:
        """[p], its gradient."""
        ...

    def information(self, x: Floats) -> Floats:
        """[p, p], minus its Hessian."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The slope of the log-likelihood as a sum over games: entries (cluster, column of x, value)."""

    cluster: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Floats

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where a penalised log-likelihood is largest."""

    likelihood: Likelihood
    prior: Floats
    """[p, p], the precision of the normal prior."""
    penalty: Floats
    """[p, p], the prior, and what holds the mean of every component at 0, which changes no difference."""
    free: NDArray[np.bool_]
    """[p], the parameters that are fitted."""
    x: Floats

    def height(self, x: Floats) -> float:
        """The penalised log-likelihood."""
        return self.likelihood.value(x) - float(x @ self.penalty @ x) / 2


def maximise(likelihood: Likelihood, links: Links, ridge: float, walk: Walk, free: Bools, start: Floats) -> Maximum:
    """The maximum over the entries of x that are `free` [p], from `start` [p].

    The prior: `ridge` on each free entry, on θ around the mean of its component, and the ties of the walk. Raises
    ValueError for a ridge out of range, and where no finite x is the largest.
    """
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge must be a finite number >= 0, got {ridge}")
    if ridge == 0 and (links.within & ~links.bounded).any():
        raise ValueError("ridge must be > 0: some agents won, or lost, every game against the others")
    n, mean = len(links.within), links.within / links.within.sum(axis=1)
    prior = np.diag(np.where(free, ridge, 0.0))
    prior[:n, :n] -= ridge * mean
    for one, other, deviation in walk:
        pull = (ELO / deviation) ** 2
        prior[[one, other], [one, other]] += pull
        prior[[one, other], [other, one]] -= pull
    penalty = prior.copy()
    penalty[:n, :n] += mean
    return climb(Maximum(likelihood, prior, penalty, free, start), np.empty((0, len(start))))


def climb(start: Maximum, held: Floats) -> Maximum:
    """The maximum of the penalised log-likelihood from another x, by Newton's method; held·x stays as it is.

    `held`: [k, p].
    """
    x, chosen, kept = start.x, np.flatnonzero(start.free), len(held)
    for _ in range(STEPS):
        matrix = (start.likelihood.information(x) + start.penalty)[np.ix_(chosen, chosen)]
        slope = (start.likelihood.slope(x) - start.penalty @ x)[chosen]
        edges = held[:, chosen]
        bordered = np.block([[matrix, edges.T], [edges, np.zeros((kept, kept))]])
        step = np.zeros_like(x)
        step[chosen] = np.linalg.solve(bordered, np.append(slope, np.zeros(kept)))[: len(chosen)]
        height = start.height(x)
        while start.height(x + step) < height - 1e-10 * (1 + abs(height)):
            step = step / 2
        x = x + step
        if np.abs(step).max(initial=0.0) < SMALL_STEP:
            return replace(start, x=x)
    raise ValueError("the games have no finite ratings: ridge must be > 0, or larger than it is")


def covariance(maximum: Maximum, scores: Scores) -> Floats:
    """[p, p], squared Elo, by the sandwich over clusters; 0 for what is not fitted.

    A⁻¹ (B + prior) A⁻¹ with A the penalised information, B = G/(G-1) · Σ u·uᵀ over G clusters, u the sum of a cluster's
    slopes. It stands when the model's own covariance A⁻¹ does not (White, Econometrica 50, 1982), also for games that
    depend on each other within clusters (Liang and Zeger, Biometrika 73, 1986). The prior counts as one more cluster
    whose spread is known; without it, where the model is true, B is about A and this is A⁻¹.
    """
    total = scores.clusters
    products = _products(scores, len(maximum.x)) * (total / max(total - 1, 1)) + maximum.prior
    size, chosen = len(maximum.x), np.ix_(np.flatnonzero(maximum.free), np.flatnonzero(maximum.free))
    inverse = np.linalg.inv((maximum.likelihood.information(maximum.x) + maximum.penalty)[chosen])
    whole = np.zeros((size, size))
    whole[chosen] = ELO**2 * inverse @ products[chosen] @ inverse
    return whole


def _products(scores: Scores, size: int) -> Floats:
    """[p, p], Σ u·uᵀ over clusters."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    shape = scores.clusters, size
    if shape[0] * size > len(scores.value):
        sums = csr_array((scores.value, (scores.cluster, scores.column)), shape)
        return np.asarray((sums.T @ sums).toarray())
    table = np.bincount(scores.cluster * size + scores.column, scores.value, shape[0] * size).reshape(shape)
    return np.asarray(table.T @ table)


def count_clusters(scores: Scores, chain: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n], in how many clusters the agents of each one's chain played. `chain`: [n]."""
    own = scores.column < len(chain)
    chains, total = int(chain.max(initial=-1)) + 1, scores.clusters
    seen = scores.cluster[own] * chains + chain[scores.column[own]]
    if chains * total > 8 * len(seen):
        return np.asarray(np.bincount(np.unique(seen) % chains, minlength=chains)[chain])
    met = np.zeros(chains * total, bool)
    met[seen] = True
    return np.asarray(met.reshape(total, chains).sum(axis=0)[chain])


def profile_bound(maximum: Maximum, contrast: Floats, games_per_cluster: float) -> float:
    """How far contrast·x can fall, in nats, until the likelihood, at its best over the rest, is 1/20 of its maximum.

    Games of a cluster count as one game: the log-likelihood is divided by `games_per_cluster`.
    """
    from scipy.optimize import brentq  # type: ignore[import-untyped]

    top, direction = maximum.height(maximum.x), contrast / (contrast @ contrast)

    def excess(fall: float) -> float:
        lowered = replace(maximum, x=maximum.x - fall * direction)
        return (top - lowered.height(climb(lowered, contrast[None]).x)) / games_per_cluster - ONE_SIDED

    far = 1.0
    while excess(far) < 0:
        far *= 2
    return float(brentq(excess, 0.0, far, xtol=1e-6))
