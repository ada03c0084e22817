"""The gap between train and held-out tasks, by hand."""

from __future__ import annotations

import pytest

from sparring.scoreboard.board.comparisons import compare_rows
from sparring.scoreboard.board.gaps import Gap, generalisation_gaps
from sparring.scoreboard.board.leaderboard import leaderboards
from sparring.store.rows import EpisodeRow

TASKS, KUHN = "sparring/ToolTasks-v0", "sparring/KuhnPoker-v0"
HELD_OUT = {"split": "held_out"}


def row(agents: str, reward: float, task: str, env_id: str = TASKS, **kwargs: object) -> EpisodeRow:
    """One episode; the first seat gets the reward, a second one the opposite."""
    seats = [f"player_{place}" for place in range(len(agents.split()))]
    rewards = dict(zip(seats, (reward, -reward), strict=False))
    return EpisodeRow(
        position=1,
        id=f"{agents}/{task}/{kwargs}",
        env_id=env_id,
        status="ok",
        group=None,
        task=f"{task}/{kwargs.get('split')}",
        seed=int(task),
        hash="00" * 32,
        agents=dict(zip(seats, agents.split(), strict=True)),
        trainable=dict.fromkeys(seats, False),
        rewards=rewards,
        payoffs=rewards,
        turns=dict.fromkeys(seats, 2),
        illegal=dict.fromkeys(seats, 0),
        tokens=dict.fromkeys(seats, 0),
        env_kwargs=kwargs,
    )


def gaps_of(rows: list[EpisodeRow]) -> list[Gap]:
    """What a board of these episodes shows."""
    return generalisation_gaps(leaderboards(compare_rows(rows)))


def played(wins: int, tasks: int, **kwargs: object) -> list[EpisodeRow]:
    """An agent that solves the first tasks and fails on the others."""
    return [row("a", float(task < wins), str(task), **kwargs) for task in range(tasks)]


def agresti_coull(wins: int, tasks: int) -> tuple[float, float]:
    """The ends of their interval, which a mean within 0..1 gets."""
    z = 1.959963984540054
    center, total = (wins + z * z / 2) / (tasks + z * z), tasks + z * z
    half = z * (center * (1 - center) / total) ** 0.5
    return max(0.0, center - half), min(1.0, center + half)


def test_a_gap_is_train_less_held_out_with_newcombes_interval() -> None:
    (gap,) = gaps_of(played(8, 10) + played(3, 10, split="held_out"))
    assert (gap.agent, gap.place.name, gap.gap.value) == ("a", "Tool tasks", pytest.approx(0.5))
    (train_low, train_high), (hidden_low, hidden_high) = agresti_coull(8, 10), agresti_coull(3, 10)
    low = 0.5 - ((0.8 - train_low) ** 2 + (hidden_high - 0.3) ** 2) ** 0.5
    high = 0.5 + ((train_high - 0.8) ** 2 + (0.3 - hidden_low) ** 2) ** 0.5
    assert (gap.gap.low, gap.gap.high) == (pytest.approx(low), pytest.approx(high))
    assert (gap.train.clusters, gap.held_out.clusters) == (10, 10)


def test_perfect_scores_on_both_still_leave_the_gap_open() -> None:
    (gap,) = gaps_of(played(10, 10) + played(10, 10, split="held_out"))
    assert gap.gap.value == 0
    assert gap.gap.low < -0.2 < 0.2 < gap.gap.high


def test_settings_must_be_alike_but_for_the_split() -> None:
    rows = played(5, 10, difficulty=1) + played(5, 10, difficulty=2, split="held_out")
    assert gaps_of(rows) == []
    (gap,) = gaps_of(rows + played(2, 10, difficulty=1, split="held_out"))
    assert gap.gap.value == pytest.approx(0.3)


def test_a_split_that_is_named_is_that_which_is_meant() -> None:
    (gap,) = gaps_of(played(8, 10, split="train") + played(3, 10, split="held_out"))
    assert gap.gap.value == pytest.approx(0.5)


def test_agents_on_one_side_only_and_games_against_others_have_no_gap() -> None:
    assert gaps_of([*played(5, 10), row("b", 1.0, "0", split="held_out")]) == []
    games = [row("a b", 1.0, str(seed), KUHN, **kwargs) for seed in range(9) for kwargs in ({}, HELD_OUT)]
    assert gaps_of(games) == []
