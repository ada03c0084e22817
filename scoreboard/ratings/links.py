"""Which agents the games compare at all: boards that never met, and agents that only won or only lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

Bools = NDArray[np.bool_]
Walk = Sequence[tuple[int, int, float]]
"""(i, j, sd): agents i and j are tied; their difference is normal with mean 0 and the standard deviation sd, Elo."""


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """What links n agents: wins and draws lead down and, for draws and ties of the walk, up."""

    component: NDArray[np.int64]
    """[n], the number of the board; agents of different boards are linked by nothing."""
    within: Bools
    """[n, n], whether two agents are on one board."""
    bounded: Bools
    """[n, n]: at [i, j], whether a chain of wins, draws and ties leads from i down to j.

    Without one the likelihood does not fall while j moves away upwards, so nothing bounds the lead of i over j from
    below (Ford, American Mathematical Monthly 64, 1957).
    """
    chain: NDArray[np.int64]
    """[n], the number of the chain of ties that an agent belongs to."""

    def on_top(self) -> Bools:
        """[n], agents above others without a bound, while nobody is above them without one."""
        unbounded = self.within & ~self.bounded
        return np.asarray(unbounded.T.any(axis=1) & ~(unbounded & self.bounded.T).any(axis=1))

    def at_bottom(self) -> Bools:
        """[n], agents below others without a bound, while nobody is below them without one."""
        unbounded = self.within & ~self.bounded
        return np.asarray(unbounded.any(axis=1) & ~(unbounded.T & self.bounded).any(axis=1))


def link(agents: int, above: NDArray[np.int64], below: NDArray[np.int64], walk: Walk) -> Links:
    """Links of games in which `above` won against, or drew with, `below`, and of a walk; a draw is given both ways.

    Raises ValueError for ties that are none.
    """
    for tie in walk:
        if not (0 <= tie[0] < agents and 0 <= tie[1] < agents and tie[0] != tie[1] and 0 < tie[2] < np.inf):
            raise ValueError(f"walk must tie two of {agents} agents with a deviation > 0 Elo, got {tie}")
    one, other = np.array([tie[:2] for tie in walk], np.int64).reshape(-1, 2).T
    tied = _graph(agents, one, other)
    graph = _graph(agents, np.concatenate([above, one, other]), np.concatenate([below, other, one]))
    component = _parts(graph, "weak")
    return Links(component, component[:, None] == component, _reachable(graph), _parts(tied, "weak"))


def _graph(agents: int, above: NDArray[np.int64], below: NDArray[np.int64]) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(above)), (above, below)), (agents, agents))


def _parts(graph: csr_array, connection: str) -> NDArray[np.int64]:
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

    return np.asarray(connected_components(graph, directed=True, connection=connection)[1], np.int64)


def _reachable(graph: csr_array) -> Bools:
    from scipy.sparse.csgraph import shortest_path

    part = _parts(graph, "strong")
    count, edges = int(part.max(initial=-1)) + 1, graph.tocoo()
    if count < 2:
        return np.ones(graph.shape, bool)
    between = _graph(count, part[edges.row], part[edges.col])
    return np.asarray(np.isfinite(shortest_path(between, unweighted=True))[np.ix_(part, part)])
