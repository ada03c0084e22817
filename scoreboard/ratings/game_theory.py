"""Who is strong when strength is no ladder: Nash averaging and alpha-rank of who beats whom, with intervals.

Payoffs are an antisymmetric matrix [n, n]: at [i, j] what i gains against j, from -1 (always loses) to 1 (always wins).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats, Games

NOISE = 0.01
"""Of alpha-rank with infinite alpha, the share of moves to the worse of two; OpenSpiel's default."""
EVEN = 1e-14
SMALL_VALUE = 1e-15
MOST_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class Masses:
    """A share of n agents that sums to 1, with 95 % intervals."""

    agents: Sequence[str]
    mass: Floats
    """[n]"""
    low: Floats
    """[n]"""
    high: Floats
    """[n]"""


def payoff_matrix(games: Games) -> Floats:
    """[n, n], the mean over the games of both seats; 0 where two agents never met."""
    return _payoffs(games, games.weight, np.zeros((len(games.agents),) * 2))


def nash_averaging(payoffs: Floats) -> Floats:
    """[n], the mass of every agent in the Nash equilibrium of largest entropy; `payoffs @ mass` is an agent's skill.

    Balduzzi, Tuyls, Pérolat and Graepel (arXiv 1806.02643, section 3): two players each choose an agent. Copies of an
    agent share its mass and change nobody's skill. An agent has mass in some equilibrium where no equilibrium beats it
    (Goldman and Tucker, 1956), which an interior point tells apart; the entropy is maximised over what is left.
    Raises ValueError for a matrix that is not antisymmetric.
    """
    _check_payoffs(payoffs)
    point = _inner_equilibrium(payoffs)
    support = np.flatnonzero(point)
    inner, outer = payoffs[np.ix_(support, support)], np.delete(payoffs[:, support], support, axis=0)
    mass = np.zeros(len(payoffs))
    mass[support] = _most_entropy(point[support], inner, outer)
    return mass


def alpha_rank(payoffs: Floats, alpha: float = math.inf, population: int = 50) -> Floats:
    """[n], how long a population plays like every agent, in the long run of mutation and selection.

    Omidshafiei et al. (Scientific Reports 9, 2019; arXiv 1903.01373, section 3.1): one population of `population`
    members plays one agent; a mutant takes over with probability (1 - e^(-u)) / (1 - e^(-population·u)), u = alpha
    times what it gains, and 1/population for u = 0. With infinite alpha the better of two takes over, with `NOISE` to
    keep the chain connected, as in OpenSpiel. Raises ValueError for alpha or a population out of range.
    """
    _check_payoffs(payoffs)
    if not (alpha > 0 and population > 1):
        raise ValueError(f"alpha must be > 0 and population > 1, got {alpha} and {population}")
    n, gain = len(payoffs), payoffs.T - payoffs
    even = np.abs(gain) <= EVEN
    if math.isinf(alpha):
        moves = np.where(even, 0.5, np.where(gain > 0, 1 - NOISE, NOISE))
    else:
        lead = np.where(even, 1.0, alpha * np.abs(gain))
        better = np.expm1(-lead) / np.expm1(-population * lead)
        worse = better * np.exp(-(population - 1) * lead)
        moves = np.where(even, 1 / population, np.where(gain > 0, better, worse))
    chain = moves / max(n - 1, 1)
    np.fill_diagonal(chain, 0.0)
    return _stationary(chain)


def resample(games: Games, solve: Callable[[Floats], Floats], draws: int = 200, seed: int = 0) -> Masses:
    """What `solve` makes of the payoffs, with intervals of its 2.5 and 97.5 % over draws of payoffs.

    The Bayesian bootstrap (Rubin, Annals of Statistics 9, 1981) over clusters: every cluster gets an exponential
    weight. Every pair also gets a win and a loss that nobody played, of weights Gamma(1/2) times the games a
    cluster, so that pairs who agree in all games have a spread too: with one game a cluster, and no draws, a pair's
    share of wins is drawn from Jeffreys' posterior Beta(wins + 1/2, losses + 1/2). Pairs that never met are even in
    `mass`, and anything in the draws.
    """
    rng, n = np.random.default_rng(seed), len(games.agents)
    cluster = np.unique(games.cluster, return_inverse=True)[1]
    total, size = int(cluster.max(initial=-1)) + 1, _games_per_cluster(games, cluster)
    found = []
    for _ in range(draws):
        made_up = np.triu(rng.gamma(0.5, size=(n, n)), 1) * size
        weight = games.weight * rng.exponential(size=total)[cluster]
        found.append(solve(_payoffs(games, weight, made_up + np.triu(rng.gamma(0.5, size=(n, n)), 1).T * size)))
    low, high = np.quantile(np.array(found), [0.025, 0.975], axis=0)
    mass = solve(payoff_matrix(games))
    return Masses(games.agents, mass, np.minimum(low, mass), np.maximum(high, mass))


def _payoffs(games: Games, weight: Floats, made_up: Floats) -> Floats:
    """[n, n]. `made_up`: [n, n], the weight of wins of i against j that nobody played."""
    n = len(games.agents)
    pair = games.first.astype(np.int64) * n + games.second
    won = np.bincount(pair, weight * games.score, n * n).reshape(n, n)
    lost = np.bincount(pair, weight * (1 - games.score), n * n).reshape(n, n)
    wins = won + lost.T + made_up
    met = wins + wins.T
    payoffs = np.divide(wins - wins.T, met, out=np.zeros((n, n)), where=met > 0)
    return np.asarray(payoffs)


def _games_per_cluster(games: Games, cluster: NDArray[np.int64]) -> Floats:
    """[n, n], symmetric, in weights; 1 for pairs that never met."""
    n = len(games.agents)
    low, high = np.minimum(games.first, games.second), np.maximum(games.first, games.second)
    pair = low.astype(np.int64) * n + high
    seen = np.unique(cluster * n * n + pair) % (n * n)
    clusters, weights = np.bincount(seen, minlength=n * n), np.bincount(pair, games.weight, n * n)
    size = np.divide(weights, clusters, out=np.ones(n * n), where=clusters > 0).reshape(n, n)
    return np.asarray(np.triu(size, 1) + np.triu(size, 1).T)


def _inner_equilibrium(payoffs: Floats) -> Floats:
    """[n], an equilibrium with mass wherever some equilibrium has mass, exact to about 1e-15 of the largest payoff.

    An interior-point method. With p the masses, s = v - A p what each agent lacks of the value v, and p·(A p) = 0, v is
    p·s. Newton steps on p_i s_i = m for ever smaller m keep p and s positive and end in the middle of all equilibria.
    """
    n, scaled = len(payoffs), payoffs / (np.abs(payoffs).max() or 1.0)
    mass, value = np.full(n, 1 / n), 2.0
    lack = value - scaled @ mass
    for _ in range(MOST_STEPS):
        goal = 0.1 * value / n - mass * lack
        matrix = np.block(
            [[np.diag(lack) - mass[:, None] * scaled, mass[:, None]], [np.ones((1, n)), np.zeros((1, 1))]]
        )
        step = np.linalg.solve(matrix, np.append(goal, 0.0))
        change = np.concatenate([step[:n], step[n] - scaled @ step[:n]])
        shrinking = np.concatenate([mass, lack])[change < 0] / -change[change < 0]
        length = min(1.0, 0.99 * shrinking.min(initial=math.inf))
        mass, lack = mass + length * change[:n], lack + length * change[n:]
        value = float(mass @ lack)
        if value < SMALL_VALUE:
            break
    mass = np.where(mass > lack, mass, 0.0)
    return np.asarray(mass / mass.sum())


def _most_entropy(point: Floats, inner: Floats, outer: Floats) -> Floats:
    """[s], the equilibrium of largest entropy on the support of `point` [s].

    `inner` [s, s] and `outer` [n - s, s]: the payoffs of its agents, and of the others, against its agents.
    """
    from scipy.linalg import null_space  # type: ignore[import-untyped]
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    ways = null_space(np.vstack([inner, np.ones(len(point))]), rcond=1e-9)
    if not ways.shape[1]:
        return point
    room, limits = np.concatenate([point, -outer @ point]), np.vstack([ways, -outer @ ways])

    def order(at: Floats) -> tuple[float, Floats]:
        shares = np.maximum(point + ways @ at, 1e-300)
        return float(shares @ np.log(shares)), ways.T @ (np.log(shares) + 1)

    found = minimize(
        order,
        np.zeros(ways.shape[1]),
        jac=True,
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda at: room + limits @ at, "jac": lambda at: limits},
        options={"ftol": 1e-15, "maxiter": 1_000},
    )
    shares = np.maximum(point + ways @ found.x, 0.0)
    return np.asarray(shares / shares.sum())


def _stationary(chain: Floats) -> Floats:
    """[n], the shares that the moves of a chain leave as they are; by elimination that never subtracts.

    Grassmann, Taksar and Heyman (Operations Research 33, 1985): exact to rounding, however rare some moves are.
    """
    rates, n = chain.copy(), len(chain)
    for last in range(n - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    shares = np.ones(n)
    for state in range(1, n):
        shares[state] = shares[:state] @ rates[:state, state]
    return np.asarray(shares / shares.sum())


def _check_payoffs(payoffs: Floats) -> None:
    if payoffs.ndim != 2 or not len(payoffs) or not np.allclose(payoffs, -payoffs.T, rtol=0, atol=1e-12):
        raise ValueError(f"payoffs must be an antisymmetric matrix, got shape {payoffs.shape}")
