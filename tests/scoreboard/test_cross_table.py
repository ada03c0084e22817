"""Cross-tables add up: worked out by hand from a few games."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sparring.scoreboard.cross_table import cross_tables
from sparring.scoreboard.stats import bounded_mean, clustered_mean
from sparring.store.rows import EpisodeRow

GAME = "their/Game-v0"
TIC_TAC_TOE = "sparring/TicTacToe-v0"


def row(agents: str, rewards: tuple[float, ...], task: str, env_id: str = GAME, status: str = "ok") -> EpisodeRow:
    """One game: `agents` by spaces, a seat each."""
    seats = [f"player_{place}" for place in range(len(rewards))]
    zero = dict.fromkeys(seats, 0)
    return EpisodeRow(
        position=1,
        id=f"{agents}/{task}",
        env_id=env_id,
        status=status,
        group=None,
        task=task,
        seed=0,
        hash="",
        agents=dict(zip(seats, agents.split(), strict=True)),
        trainable=dict.fromkeys(seats, False),
        rewards=dict(zip(seats, rewards, strict=True)),
        payoffs=dict(zip(seats, rewards, strict=True)),
        turns=zero,
        illegal=zero,
        tokens=zero,
    )


def test_a_cell_is_the_mean_of_an_agents_games_against_another_in_both_seats() -> None:
    rows = [
        row("a b", (2, -2), "1"),
        row("b a", (1, -1), "1"),
        row("a b", (3, -3), "2"),
        row("a c", (4, -4), "1"),
        row("b c", (0, 0), "1"),
    ]
    (table,) = cross_tables(rows)
    assert table.agents == ("a", "b", "c")
    assert {pair: cell.value for pair, cell in table.cells.items()} == {
        ("a", "b"): pytest.approx((2 - 1 + 3) / 3),
        ("b", "a"): pytest.approx((-2 + 1 - 3) / 3),
        ("a", "c"): 4.0,
        ("c", "a"): -4.0,
        ("b", "c"): 0.0,
        ("c", "b"): 0.0,
    }
    assert (table.cells["a", "b"].n, table.cells["a", "b"].clusters) == (3, 2)
    assert [table.totals[agent].value for agent in table.agents] == [2.0, -1.0, -2.0]
    assert [table.totals[agent].n for agent in table.agents] == [4, 4, 2]


def test_intervals_rest_on_deals_and_not_on_games() -> None:
    rows = [row("a b", (won, -won), task) for task, won in (("1", 1.0), ("1", 1.0), ("2", 3.0), ("2", 3.0))]
    (table,) = cross_tables(rows)
    assert table.cells["a", "b"] == clustered_mean([1.0, 1.0, 3.0, 3.0], ["1", "1", "2", "2"])
    assert table.totals["a"] == table.cells["a", "b"]


def test_a_known_range_of_rewards_bounds_the_intervals() -> None:
    rows = [row("a b", (1, -1), task, TIC_TAC_TOE) for task in "1234"]
    (table,) = cross_tables(rows)
    assert table.cells["a", "b"] == bounded_mean([1.0] * 4, list("1234"), -1.0, 1.0)
    assert -1.0 < table.totals["a"].low < table.totals["a"].high <= 1.0


def test_each_environment_has_one_table_and_the_one_that_earned_more_stands_first() -> None:
    rows = [row("bad good", (-1, 1), "1"), row("good other", (1, -3), "1"), row("x y", (0, 0), "1", TIC_TAC_TOE)]
    tables = cross_tables(rows)
    assert [(table.env_id, table.agents) for table in tables] == [
        (TIC_TAC_TOE, ("x", "y")),
        (GAME, ("good", "bad", "other")),
    ]
    assert not tables[1].complete
    assert tables[0].complete


def test_what_broke_off_is_not_counted_but_told() -> None:
    (table,) = cross_tables([row("a b", (1, -1), "1"), row("a c", (5, -5), "2", status="agent_error")])
    assert (table.totals["a"].value, table.broken_off) == (1.0, 1)
    assert table.agents == ("a", "b", "c")
    assert (table.totals["c"].n, math.isnan(table.totals["c"].value)) == (0, True)


def test_games_of_an_agent_against_itself_are_not_part_of_its_total() -> None:
    (table,) = cross_tables([row("a a", (9, -9), "1"), row("a b", (1, -1), "2")])
    assert table.totals["a"].value == 1.0
    assert ("a", "a") not in table.cells


def test_an_agent_that_met_only_itself_is_told_by_its_first_seat() -> None:
    (table,) = cross_tables([row("a a", (2, -2), "1"), row("a a", (1, -1), "2")])
    assert (table.totals["a"].value, table.totals["a"].n, table.cells) == (1.5, 2, {})


def test_episodes_of_other_settings_have_a_table_of_their_own() -> None:
    rows = [row("a b", (2, -2), "1"), replace(row("a b", (-1, 1), "2"), env_kwargs={"game": "nim"})]
    found = [(table.variant, table.totals["a"].value) for table in cross_tables(rows)]
    assert found == [("default settings", 2.0), ("game=nim", -1.0)]


def test_an_agent_alone_has_a_total_and_no_cell() -> None:
    (table,) = cross_tables([row("a", (0.5,), "1"), row("b", (1.0,), "1")])
    assert (table.agents, table.cells) == (("b", "a"), {})
    assert table.complete


def test_with_three_seats_every_two_that_met_have_a_cell() -> None:
    (table,) = cross_tables([row("a b c", (3, -1, -2), "1"), row("c a b", (0, 2, -2), "1")])
    assert (table.cells["a", "b"].value, table.cells["a", "c"].value) == (2.5, 2.5)
    assert (table.cells["b", "c"].value, table.cells["c", "b"].value) == (-1.5, -1.0)
