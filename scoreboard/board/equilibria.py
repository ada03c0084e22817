"""Where agents beat each other in a circle, a ladder misleads: the mass of every agent in two kinds of equilibria."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.scoreboard.ratings.game_theory import Masses, alpha_rank, nash_averaging, resample
from sparring.scoreboard.ratings.games import Games

FEWEST, MOST = 3, 30
"""Agents."""
WORK = 20_000_000
"""Comparisons times draws: with many comparisons fewer draws are made, down to the fewest that give an interval."""
DRAWS = (40, 200)


@dataclass(frozen=True, slots=True)
class Share:
    """An agent's share, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """What game theory gives one agent."""

    agent: str
    nash: Share
    """Nash averaging: copies of an agent change nobody's share of anything."""
    alpha: Share
    """alpha-rank: how long a population plays like the agent."""


def equilibria(games: Games) -> tuple[Equilibrium, ...]:
    """Of every agent, in the order of the games; nothing unless every two of 3 to 30 agents have met."""
    count = len(games.agents)
    met = np.zeros((count, count), bool)
    met[games.first, games.second] = True
    if not FEWEST <= count <= MOST or not (met | met.T | np.eye(count, dtype=bool)).all():
        return ()
    draws = int(min(max(WORK // len(games), DRAWS[0]), DRAWS[1]))
    nash, alpha = resample(games, nash_averaging, draws), resample(games, alpha_rank, draws)
    return tuple(Equilibrium(name, _share(nash, at), _share(alpha, at)) for at, name in enumerate(games.agents))


def _share(masses: Masses, at: int) -> Share:
    return Share(float(masses.mass[at]), float(masses.low[at]), float(masses.high[at]))
