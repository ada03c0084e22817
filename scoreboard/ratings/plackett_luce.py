"""Ratings of games of more than two seats, from the ranks that the seats ended in; shared ranks are modelled.

Plackett (Applied Statistics 24, 1975) and Luce (1959): the best of a set is chosen with probability proportional to its
strength, then the best of the rest, and so on. With ties (Turner, van Etten, Firth and Kosmidis, Computational
Statistics 35, 2020) a set T of k shares the next rank of those that are left, R, with probability
    ν_k · exp(mean of θ over T) / Σ over all sets S of R, up to the largest tie: ν_|S| · exp(mean of θ over S)
with ν_1 = 1. For two seats it is Davidson's model. x = (θ [n], log ν_2, ..., log ν_K), K the largest tie seen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.ratings.games import Floats, Ints
from sparring.scoreboard.ratings.links import Bools, Walk, link
from sparring.scoreboard.ratings.maximum import ELO, RIDGE, Scores, count_clusters, covariance, maximise
from sparring.scoreboard.ratings.strengths import Ratings, fill_bounds

MOST_SETS = 20_000
"""Sets that could share a rank; with more the sums take too long."""
CHUNK = 4_000_000
"""Numbers in one block of sums."""


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """Games of G tables in N seats, as columns. Raises ValueError for columns that are no rankings."""

    agents: Sequence[str]
    game: Ints
    """[N], 0 to G-1: the game of the seat."""
    agent: Ints
    """[N], index into `agents` of who sat there."""
    rank: Ints
    """[N], smaller is better, equal is shared; only the order within a game counts."""
    cluster: Ints
    """[G], games with the same number are not independent; a number for each where all are."""
    weight: Floats
    """[G], 1.0 as a rule."""

    def __post_init__(self) -> None:
        for name, size in (("game", len(self.agent)), ("rank", len(self.agent)), ("weight", len(self.cluster))):
            if np.shape(getattr(self, name)) != (size,):
                raise ValueError(f"{name} must have {size} entries, got {getattr(self, name)!r}")
        for name, size in (("game", len(self.cluster)), ("agent", len(self.agents))):
            column = getattr(self, name)
            if len(column) and not (column.min() >= 0 and column.max() < size):
                raise ValueError(f"{name} must be within 0..{size - 1}, got {column.min()} to {column.max()}")
        if not (np.isfinite(self.weight) & (self.weight >= 0)).all():
            raise ValueError("weight must be a finite number >= 0 for every game")


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The choices of next ranks that games are made of, and their likelihood.

    Of the S places of a table, `present` ones still have no rank; the sets of C that are possible are rows of `shares`.
    """

    parameters: int
    seats: NDArray[np.int64]
    """[T, S], the agent in every place, 0 where there is none."""
    present: Bools
    """[T, S]"""
    chosen: NDArray[np.int64]
    """[T], the row of `shares` that shares the next rank."""
    weight: Floats
    """[T]"""
    shares: Floats
    """[C, S + K - 1], the weights of x in a set's logarithm of strength: each place's θ, then every size of ties."""
    game: NDArray[np.int64]
    """[T]"""

    def columns(self, some: slice) -> NDArray[np.int64]:
        """[t, S + K - 1], which entry of x stands at every column of `shares`."""
        seats, ties = self.seats[some], self.shares.shape[1] - self.seats.shape[1]
        last = np.arange(self.parameters - ties, self.parameters)
        return np.concatenate([seats, np.broadcast_to(last, (len(seats), ties))], axis=1)

    def blocks(self) -> list[slice]:
        """Stages in blocks that fit into memory."""
        sets, columns = self.shares.shape
        size = max(1, CHUNK // max(sets, columns**2))
        return [slice(first, first + size) for first in range(0, len(self.seats), size)]

    def log_probabilities(self, x: Floats, some: slice) -> Floats:
        """[t, C], of the sets; -inf for sets that are not left."""
        places = self.seats.shape[1]
        absent = (~self.present[some]).astype(float) @ self.shares[:, :places].T
        logits = np.where(absent > 0, -np.inf, x[self.columns(some)] @ self.shares.T)
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))

    def value(self, x: Floats) -> float:
        """The log-likelihood, nats."""
        return math.fsum(
            float(
                self.weight[some]
                @ self.log_probabilities(x, some)[np.arange(len(self.chosen[some])), self.chosen[some]]
            )
            for some in self.blocks()
        )

    def residuals(self, x: Floats, some: slice) -> Floats:
        """[t, S + K - 1], weighted: the share in the chosen set less the mean share."""
        mean = np.exp(self.log_probabilities(x, some)) @ self.shares
        return np.asarray(self.weight[some, None] * (self.shares[self.chosen[some]] - mean))

    def slope(self, x: Floats) -> Floats:
        """[p], its gradient."""
        total = np.zeros(self.parameters)
        for some in self.blocks():
            total += np.bincount(self.columns(some).ravel(), self.residuals(x, some).ravel(), self.parameters)
        return total

    def information(self, x: Floats) -> Floats:
        """[p, p], minus its Hessian."""
        size, total = self.parameters, np.zeros(self.parameters**2)
        squares = np.einsum("cs,cr->csr", self.shares, self.shares).reshape(len(self.shares), -1)
        for some in self.blocks():
            chances, columns = np.exp(self.log_probabilities(x, some)), self.columns(some)
            mean = chances @ self.shares
            spread = chances @ squares - np.einsum("ts,tr->tsr", mean, mean).reshape(len(mean), -1)
            pairs = columns[:, :, None] * size + columns[:, None, :]
            total += np.bincount(pairs.ravel(), (self.weight[some, None] * spread).ravel(), size * size)
        return total.reshape(size, size)


def fit(rankings: Rankings, ridge: float = RIDGE, walk: Walk = ()) -> Ratings:
    """Ratings of all agents; `ridge` and `walk` as in `davidson.fit`. No seat is fitted.

    Raises ValueError for a ridge or a walk out of range, where ridge 0 leaves a rating infinite, and for tables so
    large with ties so large that there are too many sets to sum over.
    """
    n, stages = len(rankings.agents), _stages(rankings)
    links = link(n, *_beaten(rankings), walk)
    start = np.zeros(stages.parameters)
    maximum = maximise(stages, links, ridge, walk, np.ones(stages.parameters, bool), start)
    scores = _scores(rankings, stages, maximum.x)
    clusters = count_clusters(scores, links.chain)
    ratings = Ratings(
        agents=rankings.agents,
        elo=maximum.x[:n] * ELO,
        covariance=covariance(maximum, scores)[:n, :n],
        low=np.empty(n),
        high=np.empty(n),
        undefeated=links.on_top(),
        winless=links.at_bottom(),
        bounded=links.bounded,
        seat=None,
        draw=math.exp(maximum.x[n]) if stages.parameters > n else 0.0,
        component=links.component,
        games=np.bincount(rankings.agent, minlength=n),
        clusters=clusters,
    )
    weight = np.bincount(rankings.agent, rankings.weight[rankings.game], n)
    fill_bounds(ratings, maximum, links.within, weight / np.maximum(clusters, 1))
    return ratings


def _stages(rankings: Rankings) -> Stages:
    """One stage for every rank of a game but the last that only one is left for."""
    order = np.lexsort((rankings.rank, rankings.game))
    game, agent, rank = (column[order].astype(np.int64) for column in (rankings.game, rankings.agent, rankings.rank))
    size = np.bincount(game, minlength=len(rankings.weight))
    begin = np.cumsum(size) - size
    first = np.flatnonzero(np.append(True, (game[1:] != game[:-1]) | (rank[1:] != rank[:-1]))[: len(game)])
    tied = np.diff(np.append(first, len(game)))
    of, place = game[first], first - begin[game[first]]
    open_places = size[of] - place
    chosen_from = open_places > 1
    first, tied, of, place = first[chosen_from], tied[chosen_from], of[chosen_from], place[chosen_from]
    places, largest = int(size.max(initial=1)), int(tied.max(initial=1))
    sets = _sets(places, largest)
    column = np.arange(places)
    present = (column >= place[:, None]) & (column < size[of][:, None])
    seats = np.where(present, agent[np.minimum(begin[of][:, None] + column, max(len(agent) - 1, 0))], 0)
    numbers = {members: number for number, members in enumerate(sets)}
    spans = zip(place.tolist(), tied.tolist(), strict=True)
    chosen = np.array([numbers[tuple(range(start, start + width))] for start, width in spans], np.int64)
    parameters = len(rankings.agents) + largest - 1
    return Stages(parameters, seats, present, chosen, rankings.weight[of], _shares(sets, places, largest), of)


def _sets(places: int, largest: int) -> list[tuple[int, ...]]:
    count = sum(math.comb(places, size) for size in range(1, largest + 1))
    if count > MOST_SETS:
        raise ValueError(
            f"ties must leave at most {MOST_SETS:,} sets that could share a rank, got {count:,}: "
            f"{places} seats, of which {largest} shared one"
        )
    return [members for size in range(1, largest + 1) for members in itertools.combinations(range(places), size)]


def _shares(sets: Sequence[tuple[int, ...]], places: int, largest: int) -> Floats:
    shares = np.zeros((len(sets), places + largest - 1))
    for row, members in enumerate(sets):
        shares[row, list(members)] = 1 / len(members)
        if len(members) > 1:
            shares[row, places + len(members) - 2] = 1
    return shares


def _beaten(rankings: Rankings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who was ranked above, or shared a rank with, whom: the neighbours in every game's order are enough."""
    order = np.lexsort((rankings.rank, rankings.game))
    game, agent, rank = rankings.game[order], rankings.agent[order].astype(np.int64), rankings.rank[order]
    follows = game[1:] == game[:-1]
    shared = follows & (rank[1:] == rank[:-1])
    above, below = agent[:-1], agent[1:]
    return np.concatenate([above[follows], below[shared]]), np.concatenate([below[follows], above[shared]])


def _scores(rankings: Rankings, stages: Stages, x: Floats) -> Scores:
    """The slopes of every seat of every stage; absent places have none."""
    everything = slice(None)
    columns = stages.columns(everything)
    values = np.concatenate([stages.residuals(x, some) for some in stages.blocks()] or [np.zeros(columns.shape)])
    cluster = np.unique(rankings.cluster, return_inverse=True)[1][stages.game]
    known = np.concatenate([stages.present, np.ones((len(columns), columns.shape[1] - stages.seats.shape[1]), bool)], 1)
    return Scores(np.repeat(cluster, known.sum(axis=1)), columns[known], values[known])
