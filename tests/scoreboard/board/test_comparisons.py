"""What is compared with what, worked out by hand from a few rows."""

from __future__ import annotations

import math
from dataclasses import replace

from sparring.scoreboard.board.comparisons import compare_rows
from sparring.scoreboard.board.leaderboard import leaderboards
from sparring.scoreboard.board.places import groups_of
from sparring.scoreboard.board.sentences import contradictions
from sparring.store.rows import EpisodeRow

KUHN, ADVENTURE, TEAM = "sparring/KuhnPoker-v0", "sparring/Adventure-v0", "sparring/TabletopTeam-v0"


def row(agents: str, rewards: tuple[float, ...], task: str, env_id: str = KUHN, **more: object) -> EpisodeRow:
    """One episode: `agents` by spaces, a seat each."""
    seats = [f"player_{place}" for place in range(len(rewards))]
    zero = dict.fromkeys(seats, 0)
    paid = dict(zip(seats, rewards, strict=True))
    made = EpisodeRow(
        position=1,
        id=f"{agents}/{task}/{rewards}",
        env_id=env_id,
        status="ok",
        group=None,
        task=task,
        seed=int(task),
        hash="00" * 32,
        agents=dict(zip(seats, agents.split(), strict=True)),
        trainable=dict.fromkeys(seats, False),
        rewards=paid,
        payoffs=paid,
        turns=dict.fromkeys(seats, 2),
        illegal=zero,
        tokens=zero,
    )
    return replace(made, **more)


def compared(*rows: EpisodeRow) -> list[tuple[str, str, float, str]]:
    """(first, second, score, task) of every comparison."""
    found = compare_rows(rows)
    names, tasks = list(found.agents), [str(seed) for _, seed in found.tasks]
    columns = zip(found.first, found.second, found.score, found.task, strict=True)
    return [(names[one], names[other], score, tasks[task]) for one, other, score, task in columns]


def test_whoever_is_paid_more_wins_and_equal_pay_is_a_draw() -> None:
    games = [row("a b", (2, -2), "1"), row("b a", (1, -1), "1"), row("a b", (0, 0), "2")]
    assert compared(*games) == [("a", "b", 1.0, "1"), ("b", "a", 1.0, "1"), ("a", "b", 0.5, "2")]


def test_where_the_payoff_is_even_a_forfeit_decides() -> None:
    game = replace(row("a b", (-1, 1), "1"), payoffs={"player_0": 0.0, "player_1": 0.0})
    assert compared(game) == [("a", "b", 0.0, "1")]


def test_games_against_oneself_and_games_that_broke_off_are_not_compared() -> None:
    broken = row("a b", (1, -1), "2", status="agent_error")
    found = compare_rows([row("a a", (1, -1), "1"), broken])
    assert (len(found), found.broken_off, found.episodes) == (0, 1, 2)
    assert dict(found.faults) == {(0, 0): 1, (0, 1): 1}


def test_every_two_of_three_seats_are_compared_in_one_cluster() -> None:
    found = compare_rows([row("a b c", (3, -1, -2), "1", "their/Game-v0")])
    assert (list(found.score), set(found.task)) == ([1.0, 1.0, 1.0], {0})


def test_those_who_play_alone_are_compared_on_the_tasks_that_both_played() -> None:
    alone = [
        row("a", (1.0,), "1", ADVENTURE),
        row("b", (0.5,), "1", ADVENTURE),
        row("b", (1.0,), "1", ADVENTURE, sample=1),  # two attempts: their mean is 0.75
        row("a", (0.0,), "2", ADVENTURE),
        row("b", (0.0,), "2", ADVENTURE),
        row("a", (1.0,), "3", ADVENTURE),
    ]
    assert compared(*alone) == [("a", "b", 1.0, "1"), ("a", "b", 0.5, "2")]


def test_equal_means_of_other_sums_are_a_draw() -> None:
    thirds = [row("a", (value,), "1", ADVENTURE, sample=at) for at, value in enumerate((0.1, 0.2, 0.3))]
    turned = [row("b", (value,), "1", ADVENTURE, sample=at) for at, value in enumerate((0.3, 0.2, 0.1))]
    assert compared(*thirds, *turned) == [("a", "b", 0.5, "1")]


def test_seats_that_play_together_are_compared_by_task_and_not_with_each_other() -> None:
    assert compared(row("a b c", (1, 1, 1), "1", TEAM), row("a a a", (0, 0, 0), "2", TEAM)) == [
        ("a", "b", 0.5, "1"),
        ("a", "c", 0.5, "1"),
        ("b", "c", 0.5, "1"),
    ]


def test_settings_make_places_of_their_own_and_groups_gather_them() -> None:
    rows = [row("a b", (1, -1), "1"), row("a b", (1, -1), "1", env_kwargs={"illegal": "retry"})]
    found = compare_rows([*rows, row("a", (1.0,), "1", ADVENTURE)])
    assert [place.name for place in found.places] == ["Kuhn poker", "Kuhn poker (illegal=retry)", "Adventure"]
    groups = groups_of(found.places)
    assert groups["all"] == [0, 1, 2]
    assert groups["family:games"] == [0, 1]
    assert groups["skill:bluffing"] == [0, 1]
    assert groups["env:sparring/KuhnPoker-v0:illegal=retry"] == [1]


def test_what_a_place_can_pay_depends_on_its_settings_where_the_environment_says_so() -> None:
    poker = "sparring/MultiplayerKuhnPoker-v0"
    games = [
        row("a b c", (2, -1, -1), "1", poker),
        row("a b c d", (3, -1, -1, -1), "1", poker, env_kwargs={"players": 4}),
    ]
    adventure = row("a", (1.0,), "1", ADVENTURE)
    found = compare_rows([*games, adventure])
    assert [place.reward_range for place in found.places] == [(-2.0, 4.0), (-2.0, 6.0), (0.0, math.inf)]


def test_one_task_of_two_environments_is_two_clusters() -> None:
    found = compare_rows([row("a b", (1, -1), "1"), row("a b", (1, -1), "1", "sparring/TicTacToe-v0")])
    assert len(set(found.task)) == 2


def test_an_environment_that_is_not_installed_here_is_rated_all_the_same() -> None:
    found = compare_rows([row("a b", (1, -1), "1", "gone/Game-v3")])
    assert (len(found), found.places[0].family, found.places[0].is_contest) == (1, "other", True)


def test_a_game_that_was_played_before_is_counted_and_known_as_the_same() -> None:
    again = [row("a b", (1, -1), "1", line="x"), row("a b", (1, -1), "2", line="x"), row("b a", (1, -1), "1", line="x")]
    found = compare_rows(again)
    assert (found.games[0], found.different[0]) == (3, 2)
    assert found.lopsided[0] == 1  # deal 2 lacks its other seating


def test_whoever_wins_most_often_and_surely_earns_less_is_named_with_who_earns_more() -> None:
    games = [row("a b", (1, -1) if task % 5 < 3 else (-2, 2), str(task)) for task in range(400)]
    assert contradictions(leaderboards(compare_rows(games))) == [
        "In Kuhn poker a wins most often, and b earns more: +0.20 chips a game (+0.05 to +0.34) against -0.20."
    ]
    even = [row("a b", (1, -1) if task % 5 < 3 else (-1, 1), str(task)) for task in range(400)]
    assert contradictions(leaderboards(compare_rows(even))) == []
