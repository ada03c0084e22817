"""Tournaments: who plays whom, what is played again, and where a budget ends it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparring.agents.scripted import ConstantAgent, RandomAgent
from sparring.agents.solvers import EquilibriumAgent, MinimaxAgent
from sparring.protocols import Agent
from sparring.scoreboard.matches import by_name
from sparring.scoreboard.tournament import (
    BATCH,
    FIRST_ROUNDS,
    Budget,
    Plan,
    left_out_in_words,
    plan,
    play_tournament,
    size_in_words,
    widest,
)
from sparring.store.store import Store

KUHN, TIC_TAC_TOE, ADVENTURE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/Adventure-v0"


def agents_of(*agents: Agent) -> dict[str, Agent]:
    """By name."""
    return by_name(list(agents))


def small_plan(agents: dict[str, Agent], rounds: int = 3, envs: tuple[str, ...] = (KUHN, TIC_TAC_TOE)) -> Plan:
    """Of these agents."""
    return plan([(env_id, {}) for env_id in envs], agents, rounds, seed=0)


def test_agents_are_left_out_where_they_cannot_play() -> None:
    agents = agents_of(RandomAgent(), MinimaxAgent(), EquilibriumAgent())
    planned = small_plan(agents)
    pairs = {(fixture.env_id, fixture.agents) for fixture in planned.fixtures}
    assert pairs == {(KUHN, ("random", "cfr")), (TIC_TAC_TOE, ("random", "minimax"))}
    assert {name: list(places) for name, places in planned.left_out.items()} == {
        "minimax": [KUHN],
        "cfr": [TIC_TAC_TOE],
    }
    (minimax, cfr) = left_out_in_words(planned.left_out)
    assert minimax.startswith("minimax does not play Kuhn poker (ValueError: minimax needs perfect information")
    assert cfr.startswith("cfr does not play Tic tac toe (")


def test_where_nobody_is_left_nothing_can_be_planned() -> None:
    with pytest.raises(ValueError, match="nobody can play anybody; minimax does not play Kuhn poker"):
        small_plan(agents_of(MinimaxAgent(), ConstantAgent("bet")), envs=(KUHN,))


def test_a_round_is_a_deal_in_every_rotation_of_the_seats() -> None:
    planned = small_plan(agents_of(RandomAgent(), ConstantAgent("bet")), rounds=2, envs=(KUHN,))
    (fixture,) = planned.fixtures
    for one, other in fixture.rounds:
        assert one.seed == other.seed
        assert list(one.agents.values()) == list(other.agents.values())[::-1]
    assert fixture.rounds[0][0].seed != fixture.rounds[1][0].seed
    assert size_in_words(planned) == "4 games of 2 agents in 1 environment"


def test_those_who_play_alone_get_the_same_tasks() -> None:
    planned = small_plan(agents_of(RandomAgent(), ConstantAgent("look")), rounds=3, envs=(ADVENTURE,))
    one, other = planned.fixtures
    assert [match.seed for (match,) in one.rounds] == [match.seed for (match,) in other.rounds]


def test_matches_come_round_by_round() -> None:
    agents = agents_of(RandomAgent(), ConstantAgent("bet"), ConstantAgent("call"))
    planned = small_plan(agents, rounds=2, envs=(KUHN,))
    first = [match.agents for match in planned.matches[:6]]
    assert len({tuple(sorted(match.values())) for match in first}) == 3


def test_what_is_stored_is_not_played_again_and_more_rounds_add_to_it(tmp_path: Path) -> None:
    agents = agents_of(RandomAgent(), ConstantAgent("bet"))
    for rounds, played in ((2, 8), (2, 0), (3, 4)):
        done: list[str] = []
        with Store(tmp_path / "s", "a") as store:
            play_tournament(
                small_plan(agents, rounds),
                agents,
                store,
                on_event=lambda event, done=done: done.append(event.match.id) if event.kind == "done" else None,
            )
            assert len(done) == played
            assert store.count == 4 * rounds


def test_minutes_end_it_after_the_batch_in_which_they_are_over(tmp_path: Path) -> None:
    agents = agents_of(RandomAgent(), ConstantAgent("bet"))
    ticks = iter([0.0, 50.0, 70.0])
    with Store(tmp_path / "s", "a") as store:
        planned = small_plan(agents, rounds=200, envs=(KUHN,))
        played = play_tournament(planned, agents, store, Budget(minutes=1), clock=lambda: next(ticks))
    assert (len(played.rows), played.ended) == (2 * BATCH, "1 minutes are over")


def test_width_plays_where_agents_are_hardest_to_tell_apart_until_they_are(tmp_path: Path) -> None:
    agents = agents_of(RandomAgent(), MinimaxAgent(), ConstantAgent("0"))
    with Store(tmp_path / "s", "a") as store:
        planned = small_plan(agents, rounds=300, envs=(TIC_TAC_TOE,))
        wide = play_tournament(planned, agents, store, Budget(width=400))
    with Store(tmp_path / "t", "a") as store:
        narrow = play_tournament(planned, agents, store, Budget(width=120))
    assert "further than 400 Elo" in wide.ended
    assert "further than 120 Elo" in narrow.ended
    assert 3 * 2 * FIRST_ROUNDS <= len(wide.rows) < len(narrow.rows) < len(planned.matches)


def test_width_ends_where_no_rounds_are_left(tmp_path: Path) -> None:
    agents = agents_of(RandomAgent(), ConstantAgent("bet"))
    with Store(tmp_path / "s", "a") as store:
        played = play_tournament(small_plan(agents, rounds=4, envs=(KUHN,)), agents, store, Budget(width=1))
    assert (len(played.rows), played.ended) == (8, "")


def test_the_widest_interval_is_taken_on_the_sides_on_which_it_ends() -> None:
    class Some:
        elo, low, high = np.array([0.0, 10.0]), np.array([-30.0, -np.inf]), np.array([20.0, 90.0])

    assert widest(Some()) == 80.0  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("minutes", 0), ("minutes", float("nan")), ("width", -1)])
def test_budgets_are_positive_numbers(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number > 0, got"):
        Budget(**{name: value})


def test_more_seats_than_two_play_in_every_rotation() -> None:
    agents = agents_of(RandomAgent(), ConstantAgent("0"), ConstantAgent("1"), ConstantAgent("2"))
    planned = plan([("openspiel:kuhn_poker(players=3)", {})], agents, 1, seed=0)
    assert len(planned.fixtures) == 4
    for fixture in planned.fixtures:
        (games,) = fixture.rounds
        assert {match.agents["player_0"] for match in games} == set(fixture.agents)
