"""Exact strength on a board: from the agents, checked again, and nobody is built whose name could do harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparring.agents.scripted import ConstantAgent, RandomAgent
from sparring.agents.solvers import EquilibriumAgent, MinimaxAgent
from sparring.scoreboard.board.build import Board, Settings, build_board, facts
from sparring.scoreboard.board.check import check_board, read_page
from sparring.scoreboard.board.page import write_board
from sparring.scoreboard.board.strength import HiddenStrength
from sparring.scoreboard.matches import by_name, play_matches, round_robin
from sparring.scoreboard.perfect_play import PlayQuality
from sparring.store.store import Store
from sparring.types import Episode

KUHN, TIC_TAC_TOE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"
EXACT = Settings(replays=0, exact=True)


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    """Two games by the agents that can play them."""
    cards = by_name([RandomAgent(), ConstantAgent("bet/call"), EquilibriumAgent()])
    boards = by_name([RandomAgent(), MinimaxAgent()])
    return play_matches(round_robin(KUHN, cards, 4, 0), cards) + play_matches(
        round_robin(TIC_TAC_TOE, boards, 4, 0), boards
    )


@pytest.fixture
def store(tmp_path: Path, episodes: list[Episode]) -> Path:
    """They, stored."""
    with Store(tmp_path / "games", "a") as opened:
        opened.append(episodes)
    return tmp_path / "games"


def board_of(store: Path) -> Board:
    """With exact strengths."""
    with Store(store) as opened:
        return build_board([("games", opened)], EXACT)


def renamed(episodes: list[Episode], old: str, new: str) -> list[Episode]:
    """The same games by an agent of another name."""
    return [
        replace(
            episode,
            trajectories={
                seat: replace(one, agent=one.agent.replace(old, new)) for seat, one in episode.trajectories.items()
            },
        )
        for episode in episodes
    ]


def test_agents_stand_among_the_policies_to_compare_with(store: Path) -> None:
    exact = board_of(store).exact
    assert exact is not None
    assert exact.left_out == {}
    kuhn, tic_tac_toe = exact.places
    by_agent = {line.agent: line.strength for line in kuhn.lines if not line.is_reference}
    assert {name: one.nash_conv for name, one in by_agent.items() if isinstance(one, HiddenStrength)} == {
        "cfr": pytest.approx(0, abs=1e-3),
        "constant:bet/call": pytest.approx(0.666667, abs=1e-6),
        "random": pytest.approx(0.916667, abs=1e-6),
    }
    assert [line.agent for line in kuhn.lines if line.is_reference] == [
        "equilibrium (CFR+)",
        "always bet / call",
        "uniform random",
        "always check / fold",
    ]
    assert by_agent["constant:bet/call"] == next(
        line.strength for line in kuhn.lines if line.agent == "always bet / call"
    )
    best = next(line.strength for line in tic_tac_toe.lines if line.agent == "minimax")
    assert best == PlayQuality(pytest.approx(1.0), 0.0, 0.0)


def test_the_section_is_measured_again_and_a_changed_figure_is_found(store: Path) -> None:
    page = store.parent / "board.html"
    write_board(board_of(store), page)
    text = page.read_text()
    assert "Worked out from the agents, not from episodes" in text
    with Store(store) as opened:
        assert check_board(read_page(page), [opened]) == []
        page.write_text(text.replace("0.6667", "0.1667", 1))
        (problem,) = check_board(read_page(page), [opened])
    assert problem.startswith("line ")


def test_without_the_setting_there_is_no_section(store: Path) -> None:
    with Store(store) as opened:
        board = build_board([("games", opened)], Settings(replays=0))
    assert board.exact is None
    assert facts(board)["exact"] == {}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("program:touch harm", "not built from the names in a store"),
        ("model:/etc/passwd", "not built from the names in a store"),
        ("smollm2:template=/etc/passwd", "not built from the names in a store"),
        ("random (update 20)", "unknown agent"),
        ("mcts", "shows no probabilities"),
    ],
)
def test_who_cannot_be_built_or_asked_is_named_with_the_reason(
    tmp_path: Path, episodes: list[Episode], name: str, why: str
) -> None:
    kuhn = [episode for episode in episodes if episode.env_id == KUHN]
    with Store(tmp_path / "games", "a") as opened:
        opened.append(renamed(kuhn, "random", name))
    exact = board_of(tmp_path / "games").exact
    assert exact is not None
    ((who, reason),) = exact.left_out.items()
    assert who.startswith(name)
    assert why in reason
    assert [one.place.name for one in exact.places] == ["Kuhn poker"]
