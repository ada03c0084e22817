"""Plackett-Luce on a board: games of more than two seats, each as the order in which it ended."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.scoreboard.board.comparisons import compare_rows
from sparring.scoreboard.board.leaderboard import leaderboards
from sparring.scoreboard.board.whole_games import Ranked, ranks
from sparring.scoreboard.ratings.plackett_luce import Rankings, fit
from sparring.store.rows import EpisodeRow

KUHN, POKER, TEAM = "sparring/KuhnPoker-v0", "sparring/MultiplayerKuhnPoker-v0", "sparring/TabletopTeam-v0"
GAMES = (("a b c", (2, -1, -1)), ("b c a", (1, 1, -2)), ("c a b", (0, 2, -2)), ("a c b", (-1, 2, -1)))


def row(agents: str, rewards: tuple[float, ...], task: int, env_id: str = POKER) -> EpisodeRow:
    """One episode: `agents` by spaces, a seat each."""
    seats = [f"player_{place}" for place in range(len(rewards))]
    zero, paid = dict.fromkeys(seats, 0), dict(zip(seats, rewards, strict=True))
    return EpisodeRow(
        position=1,
        id=f"{agents}/{task}",
        env_id=env_id,
        status="ok",
        group=None,
        task=str(task),
        seed=task,
        hash="00" * 32,
        agents=dict(zip(seats, agents.split(), strict=True)),
        trainable=dict.fromkeys(seats, False),
        rewards=paid,
        payoffs=paid,
        turns=zero,
        illegal=zero,
        tokens=zero,
    )


def whole_games(rows: list[EpisodeRow]) -> dict[str, Ranked]:
    """By agent, of the one environment that was played."""
    boards = {one.key.partition(":")[0]: one for one in leaderboards(compare_rows(rows))}
    return {one.agent: one for one in boards["env"].whole_games}


def test_the_most_paid_are_ranked_first_and_a_forfeit_decides_between_equal_payoffs() -> None:
    assert ranks(np.array([1.0, 3.0, 1.0, 1.0]), np.array([1.0, 3.0, 0.0, 1.0])).tolist() == [1, 0, 2, 1]


def test_games_of_three_are_rated_as_the_rankings_that_they_ended_in() -> None:
    found = whole_games([row(seats, paid, task) for task, (seats, paid) in enumerate(GAMES)])
    order = np.array([0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 2, 1])
    rank = np.array([0, 1, 1, 0, 0, 1, 1, 0, 2, 1, 0, 1])
    rankings = Rankings(["a", "b", "c"], np.repeat(range(4), 3), order, rank, np.arange(4), np.ones(4))
    expected = fit(rankings)
    for place, name in enumerate("abc"):
        assert found[name].elo == pytest.approx(expected.elo[place])
        assert (found[name].low, found[name].high) == (expected.low[place], expected.high[place])
    assert list(found) == sorted(found, key=lambda name: -found[name].elo)


def test_games_of_one_task_are_one_cluster() -> None:
    apart = [row(seats, paid, task) for task, (seats, paid) in enumerate(GAMES * 3)]
    together = [row(seats, paid, task % 4) for task, (seats, paid) in enumerate(GAMES * 3)]
    one, other = whole_games(apart)["c"], whole_games(together)["c"]
    assert one.elo == pytest.approx(other.elo)
    assert other.high - other.low > 1.2 * (one.high - one.low)


@pytest.mark.parametrize(
    "rows",
    [
        [row("a b", (1, -1), 1, KUHN)],
        [row("a b c", (2, -1, -1), 1), row("d e f", (2, -1, -1), 2)],
        [row("a b c", (1, 1, 1), 1, TEAM), row("b a c", (0, 0, 0), 2, TEAM)],
    ],
    ids=["two seats", "agents that never met", "seats that play together"],
)
def test_elsewhere_there_is_nothing(rows: list[EpisodeRow]) -> None:
    assert whole_games(rows) == {}
