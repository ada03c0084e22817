"""Which agents the games compare at all: boards that never met, and agents that only won or only lost."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components, shortest_path  # type: ignore[import-untyped]

from sparring.scoreboard.ratings.likelihood import Counts

Ties = Iterable[tuple[int, int]]


def components(counts: Counts, ties: Ties) -> NDArray[np.int64]:
    """[n], the number of the board of every agent; agents of different boards are linked by no games and no ties."""
    return _labels(_links(counts, ties), "weak")


def walk_groups(agents: int, ties: Ties) -> NDArray[np.int64]:
    """[n], the number of the chain of ties that an agent belongs to."""
    pairs = np.array(list(ties), np.int64).reshape(-1, 2)
    return _labels(csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (agents, agents)), "weak")


def bounded_below(counts: Counts, ties: Ties) -> NDArray[np.bool_]:
    """[n, n]: at [i, j], whether the data bound the lead of i over j from below.

    They do where a chain of wins, draws and ties leads from i to j; without one the likelihood does not fall while j
    moves away upwards (Ford, American Mathematical Monthly 64, 1957, for games without draws).
    """
    links = _links(counts, ties)
    count, labels = connected_components(links, directed=True, connection="strong")
    at = links.tocoo()
    between = csr_array((np.ones(at.nnz), (labels[at.row], labels[at.col])), (count, count))
    reached = np.isfinite(shortest_path(between, unweighted=True)) if count > 1 else np.ones((count, count), bool)
    return np.asarray(reached[np.ix_(labels, labels)])


def _links(counts: Counts, ties: Ties) -> csr_array:
    """[n, n], nonzero at [i, j] where i won against j, drew with j, or is tied to j."""
    pairs = np.array(list(ties), np.int64).reshape(-1, 2)
    won, lost = counts.results[0] + counts.results[1] > 0, counts.results[1] + counts.results[2] > 0
    above = np.concatenate([counts.first[won], counts.second[lost], pairs[:, 0], pairs[:, 1]])
    below = np.concatenate([counts.second[won], counts.first[lost], pairs[:, 1], pairs[:, 0]])
    return csr_array((np.ones(len(above)), (above, below)), (counts.agents, counts.agents))


def _labels(links: csr_array, connection: str) -> NDArray[np.int64]:
    return np.asarray(connected_components(links, directed=True, connection=connection)[1], np.int64)
