"""Shares of agents that beat each other in a circle."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from sparring.scoreboard.board.equilibria import MOST, equilibria
from sparring.scoreboard.ratings.games import Games


def games_of(results: list[tuple[int, int, float]], agents: int, each: int = 200) -> Games:
    """`each` games of every result, a cluster each."""
    first, second, score = (np.repeat(column, each) for column in zip(*results, strict=True))
    return Games(
        [f"a{number}" for number in range(agents)],
        first.astype(np.int64),
        second.astype(np.int64),
        score.astype(np.float64),
        np.arange(len(first)),
        np.ones(len(first)),
    )


def test_rock_paper_scissors_shares_alike_and_a_weak_agent_has_nothing() -> None:
    circle = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (0, 3, 1.0), (1, 3, 1.0), (2, 3, 1.0)]
    found = equilibria(games_of(circle, 4))
    assert [round(one.nash.value, 3) for one in found] == [0.333, 0.333, 0.333, 0.0]
    assert [round(one.alpha.value, 1) for one in found] == [0.3, 0.3, 0.3, 0.0]
    assert all(one.nash.low <= one.nash.value <= one.nash.high for one in found)
    assert all(one.nash.high > one.nash.low for one in found[:3])


def test_nothing_is_said_where_not_everybody_met_everybody_or_there_are_too_few_or_many() -> None:
    assert equilibria(games_of([(0, 1, 1.0), (1, 2, 1.0)], 3)) == ()
    assert equilibria(games_of([(0, 1, 1.0)], 2)) == ()
    many = [(one, other, 1.0) for one, other in combinations(range(MOST + 1), 2)]
    assert equilibria(games_of(many, MOST + 1, each=1)) == ()
