"""The one bound that there is for an agent that won, or lost, every game."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq  # type: ignore[import-untyped]

from sparring.scoreboard.ratings.games import Floats
from sparring.scoreboard.ratings.likelihood import Counts, log_likelihood, maximise

ONE_SIDED = math.log(20)
"""Nothing is more extreme than to win every game, so the likelihood of that is the p-value: 1/20 at the bound."""


def profile_bound(
    counts: Counts, penalty: Floats, free: NDArray[np.bool_], x: Floats, contrast: Floats, games_per_cluster: float
) -> float:
    """How far contrast·x can fall, in nats, until the likelihood, at its best over the rest, is 1/20 of its maximum.

    `x`: the maximum. Games of a cluster count as one game: the log-likelihood is divided by `games_per_cluster`. The
    curve is followed by its slope, because the maximum of log-likelihood - slope·contrast·x is a point of it.
    """
    top = log_likelihood(counts, penalty, x)

    def best(slope: float) -> Floats:
        return maximise(counts, penalty, free, x, -slope * contrast)

    def excess(slope: float) -> float:
        return (top - log_likelihood(counts, penalty, best(slope))) / games_per_cluster - ONE_SIDED

    steep = 1.0
    while excess(steep) < 0:
        steep *= 2
    slope = brentq(excess, 0.0, steep, xtol=1e-6 * steep, rtol=1e-6)
    return float(contrast @ (x - best(slope)))
