"""What the ratings vary by, when games of one cluster are not independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from sparring.scoreboard.ratings.games import Floats, Games
from sparring.scoreboard.ratings.likelihood import Counts, probabilities


def score_products(games: Games, counts: Counts, x: Floats, cluster: NDArray[np.int64]) -> Floats:
    """[n + 2, n + 2], the sum over clusters of u·uᵀ, u the sum of the cluster's slopes of the log-likelihood.

    Between the inverses of the information it is a covariance that stands when the model's does not (White,
    Econometrica 50, 1982), also for games that depend on each other within clusters (Liang and Zeger, Biometrika 73,
    1986). Scaled by G/(G-1) for G clusters. `cluster`: [N], numbers from 0.
    """
    n, total = counts.agents, int(cluster.max(initial=-1)) + 1
    won, drawn, lost = probabilities(counts, x)
    lead = games.weight * (games.score - 0.5 - ((won - lost) / 2)[counts.row])
    draws = games.weight * ((games.score == 0.5) - drawn[counts.row])
    rows, columns = np.concatenate([cluster, cluster]), np.concatenate([games.first, games.second])
    strengths = csr_array((np.concatenate([lead, -lead]), (rows, columns)), (total, n))
    rest = np.stack([np.bincount(cluster, lead, total), np.bincount(cluster, draws, total)], axis=1)
    products = np.empty((n + 2, n + 2))
    products[:n, :n] = (strengths.T @ strengths).toarray()
    products[:n, n:] = strengths.T @ rest
    products[n:, :n] = products[:n, n:].T
    products[n:, n:] = rest.T @ rest
    return products * (total / (total - 1) if total > 1 else 1.0)


def clusters_of_groups(games: Games, cluster: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """[groups], the number of clusters in which agents of every group played. `group`: [n]."""
    groups, total = int(group.max(initial=-1)) + 1, int(cluster.max(initial=-1)) + 1
    seen = np.concatenate([cluster * groups + group[games.first], cluster * groups + group[games.second]])
    if groups * total <= 8 * len(seen):
        met = np.zeros(groups * total, bool)
        met[seen] = True
        return np.asarray(met.reshape(total, groups).sum(axis=0))
    return np.bincount(np.unique(seen) % groups, minlength=groups)
