"""More agents than seats play a round robin, and what is stored of it is not played again."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from sparring.agents.scripted import ConstantAgent, RandomAgent
from sparring.agents.solvers import EquilibriumAgent
from sparring.cli import play_view
from sparring.cli.app import main
from sparring.rollout.match import Event
from sparring.scoreboard.cross_table import cross_tables
from sparring.scoreboard.matches import by_name, head_to_head, rotated_matches, round_robin, standings_by_agent
from sparring.scoreboard.stored_matches import FULL_BATCH, play_missing, store_missing
from sparring.store.rows import row_of
from sparring.store.store import Store
from sparring.types import Episode

KUHN = "sparring/KuhnPoker-v0"


def players() -> list[Any]:
    return [EquilibriumAgent(), RandomAgent(), ConstantAgent("bet/call"), ConstantAgent("check/fold")]


def test_every_pair_meets_as_often_on_the_same_deals_in_both_seats() -> None:
    matches = round_robin(KUHN, by_name(players()), 10, seed=0)
    assert len(matches) == 60
    pairs: dict[frozenset[str], list[tuple[int, str]]] = {}
    for match in matches:
        names = frozenset(match.agents.values())
        pairs.setdefault(names, []).append((match.seed, match.agents["player_0"]))
    assert len(pairs) == 6
    assert len({tuple(seed for seed, _ in games) for games in pairs.values()}) == 1
    for names, games in pairs.items():
        assert all(sum(first == name for _, first in games) == 5 for name in names)
    assert len({match.id for match in matches}) == 60


def test_standings_count_all_games_of_an_agent_the_best_first() -> None:
    agents = players()
    rows = standings_by_agent(head_to_head(KUHN, agents, 200, seed=0), agents)
    assert [row.reward.n for row in rows] == [600] * 4
    assert sum(row.reward.value for row in rows) == pytest.approx(0)
    assert rows[-1].agent == "constant:check/fold"
    assert [row.reward.value for row in rows] == sorted((row.reward.value for row in rows), reverse=True)


def test_the_cross_table_stands_below_and_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    agents = "cfr,random,constant:bet/call,constant:check/fold,nano,nano:temperature=0.5"
    assert main(["play", "KuhnPoker", "--agents", agents, "--episodes", "10"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    (top,) = [at for at, line in enumerate(lines) if "mean reward against" in line]
    cells = [line.split()[2:] for line in lines[top + 1 : top + 7]]
    assert [row[place] for place, row in enumerate(cells)] == ["."] * 6
    for one in range(6):
        for other in range(one):
            assert float(cells[one][other]) == -float(cells[other][one])


def test_a_cross_table_with_pairs_that_never_met_says_how_many_have(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row_of(episode) for episode in head_to_head(KUHN, players()[:3], 4, seed=0)]
    play_view.show_cross_table(cross_tables(rows)[0])
    assert "pairs have met" not in capsys.readouterr().out
    apart = [row for row in rows if {*row.agents.values()} != {"random", "cfr"}]
    play_view.show_cross_table(cross_tables(apart)[0])
    said = "2 of 3 pairs have met: the order is by totals against different opponents"
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_an_agent_is_not_named_twice_in_a_round_robin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", "KuhnPoker", "--agents", "random,cfr,random"]) == 2
    assert "'random' is named twice" in capsys.readouterr().err


def test_a_ladder_played_twice_plays_only_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["play", "KuhnPoker", "--agents", "cfr,random,constant:bet", "--store", str(tmp_path / "ladder")]
    assert main([*words, "--episodes", "10", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main([*words, "--episodes", "10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    with Store(tmp_path / "ladder") as store:
        assert store.count == 30
    words[3] += ",constant:check"
    assert main([*words, "--episodes", "10"]) == 0
    assert "30 of these games were in" in capsys.readouterr().out
    with Store(tmp_path / "ladder") as store:
        assert store.count == 60


def test_one_seat_is_played_by_every_agent_alone() -> None:
    matches = round_robin("sparring/CodeIO-v0", by_name([RandomAgent(), ConstantAgent("x")]), 3, seed=0)
    assert [match.agents["player_0"] for match in matches] == ["random"] * 3 + ["constant:x"] * 3
    assert [match.seed for match in matches[:3]] == [match.seed for match in matches[3:]]


def test_environments_with_other_settings_are_other_games(tmp_path: Path) -> None:
    for env in ("KuhnPoker", "KuhnPoker:illegal=spiral"):
        assert main(["play", env, "--episodes", "4", "--store", str(tmp_path / "games"), "--json"]) == 0
    with Store(tmp_path / "games") as store:
        assert store.count == 8


@pytest.mark.slow
def test_a_run_folder_is_an_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "runs" / "first"
    small = ["--steps", "1", "--games-per-update", "4", "--evaluation-games", "2", "--temperature", "0.5", "--json"]
    assert main(["train", "spiral", "--model", "nano", "--run", str(run), *small]) == 0
    capsys.readouterr()
    words = ["--agents", f"cfr,random,{run}", "--episodes", "4", "--store", str(tmp_path / "ladder"), "--json"]
    assert main(["play", "KuhnPoker", *words]) == 0
    assert {row["agent"] for row in json.loads(capsys.readouterr().out)["standings"]} == {"cfr", "random", str(run)}
    with Store(tmp_path / "ladder") as store:
        (episode, *_) = store.find(agent=str(run))
    (trajectory,) = [t for t in episode.trajectories.values() if t.agent == str(run)]
    assert {call.sampling.temperature for _, call in trajectory.calls if call.sampling} == {0.5}


def test_storing_thousands_of_matches_holds_a_bounded_number_of_episodes(tmp_path: Path) -> None:
    agents = by_name([RandomAgent(), RandomAgent()])
    matches, concurrency, alive = round_robin(KUHN, agents, 4_000, seed=0), 8, []

    def count_episodes(event: Event) -> None:
        if event.kind == "done" and len(alive) < 40 and int(event.match.id.rpartition("/")[2]) % 100 == 0:
            alive.append(sum(type(thing) is Episode for thing in gc.get_objects()))

    gc.freeze()  # what is there already is not looked through, forty times
    try:
        with Store(tmp_path, "a") as store:
            store_missing(matches, agents, store, concurrency, count_episodes)
            assert store.count == 4_000
    finally:
        gc.unfreeze()
    assert len(alive) == 40
    assert 0 < max(alive) <= FULL_BATCH + 4 * concurrency


def test_storing_matches_plays_those_that_are_missing_and_refuses_others_under_their_ids(tmp_path: Path) -> None:
    agents = by_name([RandomAgent(), RandomAgent()])
    matches, played = round_robin(KUHN, agents, 20, seed=0), []
    with Store(tmp_path, "a") as store:
        store_missing(matches[:12], agents, store)
        store_missing(matches, agents, store, on_event=lambda event: played.append((event.kind, event.match.id)))
        assert sorted(id for kind, id in played if kind == "done") == sorted(match.id for match in matches[12:])
        assert [store.get(match.id) for match in matches] == play_missing(matches, agents, store)
        with pytest.raises(ValueError, match="agent of player_0 'random', now 'constant:bet'"):
            store_missing(matches, dict.fromkeys(agents, ConstantAgent("bet")), store)
        assert store.count == 20


def test_agents_keep_their_seats_where_the_seats_are_roles():
    """A planner is no verifier: nobody rotates, and every game has a deal of its own."""
    agents = ["planner:scripted", "random", "verifier:rule"]
    matches = rotated_matches("sparring/TabletopTeam-v0", agents, 5, 0)
    assert [list(match.agents.values()) for match in matches] == [agents] * 5
    assert len({match.seed for match in matches}) == 5
    rotated = rotated_matches("sparring/KuhnPoker-v0", ["random", "cfr"], 4, 0)
    assert [list(match.agents.values()) for match in rotated] == [["random", "cfr"], ["cfr", "random"]] * 2
    assert len({match.seed for match in rotated}) == 2


def test_options_may_say_how_many_seats_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    agents = "random,constant:bet 1,random"
    assert main(["play", "Goofspiel:players=3", "--agents", agents, "--episodes", "6", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["standings"]
    assert [row["episodes"] for row in shown] == [6, 6, 6]
    matches = rotated_matches("sparring/Pig-v0", list("abc"), 6, 0, env_kwargs={"players": 3})
    assert [match.agents["player_0"] for match in matches] == ["a", "b", "c"] * 2
    assert [match.seed for match in matches[:3]] == [matches[0].seed] * 3
