"""Games of more than two seats as the rankings that they end in, beside the pairs that a board compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.board.checkpoints import walk_of
from sparring.scoreboard.columns import Ints, distinct, no_ints
from sparring.scoreboard.ratings.plackett_luce import Rankings, fit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """How the games of one environment ended: columns of its seats, game after game."""

    game: Ints = field(default_factory=no_ints)
    """[S], ascending numbers."""
    agent: Ints = field(default_factory=no_ints)
    rank: Ints = field(default_factory=no_ints)
    """[S], smaller is better, equal is shared; only the order within a game counts."""
    task: Ints = field(default_factory=no_ints)
    """[S]"""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one agent's places in whole rankings are worth."""

    agent: str
    elo: float
    low: float
    high: float
    """The 95 % interval; infinite on the side where an agent never came behind another, or never before one."""


def ranks(payoff: Floats, reward: Floats) -> Ints:
    """[S] By payoff, then reward, the most first; equal where both are."""
    order = np.lexsort((reward, payoff))[::-1]
    changes = (np.diff(payoff[order]) != 0) | (np.diff(reward[order]) != 0)
    found = np.empty(len(order), np.int64)
    found[order] = np.concatenate([[0], np.cumsum(changes)]) if len(order) else 0
    return found


def whole_games(ended: Ended, names: Sequence[str]) -> tuple[Ranked, ...]:
    """Ratings by Plackett-Luce of all agents that played, best first; `names`: of all agents, by number.

    Nothing where there are no games, where some agents never met, not even through others, and where so many seats
    shared a rank that the sums would take too long.
    """
    if not len(ended.game):
        return ()
    games, game = distinct(ended.game)
    agents, agent = distinct(ended.agent)
    listed = [names[number] for number in agents.tolist()]
    first = np.flatnonzero(np.diff(game, prepend=-1))
    rankings = Rankings(listed, game, agent, ended.rank, ended.task[first], np.ones(len(games)))
    try:
        found = fit(rankings, walk=walk_of(listed))
    except ValueError:
        return ()
    if found.component.any():
        return ()
    lines = zip(listed, found.elo.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
    return tuple(sorted((Ranked(*line) for line in lines), key=lambda one: (-one.elo, one.agent)))
