"""The top of the page: a run in one sentence, what it was made with, what several runs differ in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.rollout.loop import Match, play
from sparring.scoreboard.cross_table import cross_tables
from sparring.scoreboard.names import env_words, metric_words, model_words
from sparring.scoreboard.report.build import render
from sparring.scoreboard.report.header import duration, facts, headlines, state
from sparring.scoreboard.report.side_by_side import comparison
from sparring.scoreboard.standings import RunData, load_run, standings
from sparring.store.rows import EpisodeRow
from sparring.store.store import Store

KUHN = "sparring/KuhnPoker-v0"
ARROW, MINUS = "\N{RIGHTWARDS ARROW}", "\N{MINUS SIGN}"
REFERENCES = {"uniform random": 0.9167, "always bet / call": 0.6667, "always check / fold": 2.0, "equilibrium": 0.0001}
MADE_WITH = {
    "started": "2026-01-02T03:04:05+00:00",
    "sparring": "0.1.0",
    "python": "3.12.1",
    "torch": "2.6",
    "hardware": "A processor, 8 cores",
    "commit": "abc123",
}


def run(*nash_conv: float, label: str = "first", made_with: Any = None, **settings: Any) -> RunData:
    """A run of SPIRAL in Kuhn poker with these figures, one an update."""
    config = {"method": "spiral", "config": {"model": "smollm2", "games": [KUHN], "steps": 2, "seed": 0, **settings}}
    lines = [{"update": update, f"nash_conv/{KUHN}": value, "seconds": 30.0} for update, value in enumerate(nash_conv)]
    found = {**config, "made_with": made_with} if made_with else config
    return RunData(label, Path(label), found, lines, references={KUHN: REFERENCES})


def verdict(one: RunData) -> str:
    (headline,) = headlines(one)
    return headline.verdict


def test_a_run_that_beats_every_policy_blind_to_its_cards_has_learned() -> None:
    assert verdict(run(0.69, 0.3, 0.13)) == (
        f"SmolLM2-135M learned Kuhn poker by self-play: NashConv 0.69 {ARROW} 0.13; "
        "always bet / call 0.67; equilibrium 0."
    )


def test_a_run_that_only_came_to_always_bet_has_not_learned() -> None:
    said = verdict(run(0.92, 0.667, 0.6667))
    assert "got better at Kuhn poker by self-play, but is no better than always bet / call:" in said
    assert "learned" not in said


def test_a_run_that_got_worse_is_told_so() -> None:
    assert verdict(run(0.5, 0.6)).startswith(
        "SmolLM2-135M did not get better at Kuhn poker by self-play: NashConv 0.50"
    )


def test_where_the_end_is_worse_than_the_best_both_are_told() -> None:
    assert f"NashConv 0.90 {ARROW} 0.10 (update 1; 0.40 at the end);" in verdict(run(0.9, 0.1, 0.4))


def test_without_references_nothing_is_held_against_it() -> None:
    assert verdict(replace(run(0.9, 0.1), references={})).endswith(f"NashConv 0.90 {ARROW} 0.10.")


def row(first: str, second: str, payoff: float, task: str, env_id: str = "their/Game-v0") -> EpisodeRow:
    seats = ("player_0", "player_1")
    return EpisodeRow(
        position=1,
        id=task + first,
        env_id=env_id,
        status="ok",
        group=None,
        task=task,
        seed=0,
        hash="",
        agents={"player_0": first, "player_1": second},
        trainable=dict.fromkeys(seats, False),
        rewards={"player_0": payoff, "player_1": -payoff},
        payoffs={"player_0": payoff, "player_1": -payoff},
        turns=dict.fromkeys(seats, 0),
        illegal=dict.fromkeys(seats, 0),
        tokens={"player_0": 1, "player_1": 0},
    )


def test_a_game_that_cannot_be_solved_is_judged_by_its_games_before_and_after() -> None:
    early = [row("m (before)", "random", reward, f"{n}") for n, reward in enumerate([0.0, 0.1] * 10)]
    late = [row("m (update 2)", "random", reward, f"{n}") for n, reward in enumerate([1.0, 1.1] * 10)]
    one = replace(run(), metrics=[{"update": 2}], standings=standings(early + late))
    assert verdict(one).startswith(f"SmolLM2-135M got better at their/Game: +0.05 {ARROW} +1.05 (+1.03 to +1.07)")
    same = replace(
        one, standings=standings(early + [replace(r, rewards=e.rewards) for r, e in zip(late, early, strict=True)])
    )
    assert verdict(same).startswith("SmolLM2-135M is not clearly better at their/Game:")


@pytest.mark.parametrize("seats", [1, 3])
def test_who_plays_alone_or_in_a_team_got_better_by_the_episode_and_against_nobody(seats: int) -> None:
    env_id = "sparring/TabletopTeam-v0" if seats > 1 else "their/Game-v0"
    others = {f"player_{n}": f"mate {n}" for n in range(1, seats)}
    rows = [
        replace(
            row(name, "", 0.0, f"{n}", env_id),
            agents={"player_0": name, **others},
            trainable={"player_0": True, **dict.fromkeys(others, False)},
            rewards={"player_0": more + n % 2, **dict.fromkeys(others, 0.0)},
            payoffs={"player_0": more + n % 2, **dict.fromkeys(others, 0.0)},
            tokens={"player_0": 1, **dict.fromkeys(others, 0)},
        )
        for name, more in {"m (before)": 0.0, "m (update 2)": 5.0}.items()
        for n in range(20)
    ]
    said = verdict(replace(run(), metrics=[{"update": 2}], standings=standings(rows)))
    assert said.endswith(" reward an episode.")
    assert "against" not in said


def test_of_games_on_the_way_only_the_last_ones_are_held_against_the_first() -> None:
    moments = {"m (before)": 0.0, "m (update 10)": 2.0, "m (update 9)": 5.0, "m (update 2)": 7.0}
    games = [row(name, "random", more + n % 2, f"{n}") for name, more in moments.items() for n in range(20)]
    said = verdict(replace(run(), metrics=[{"update": 10}], standings=standings(games)))
    assert said.startswith(f"SmolLM2-135M got better at their/Game: +0.50 {ARROW} +2.50 (")
    assert said.count("their/Game") == 1


def test_a_store_is_judged_by_who_earned_most_and_whether_that_is_clear() -> None:
    clear = [row("good", "bad", reward, f"{n}", KUHN) for n, reward in enumerate([1.0, 2.0] * 20)]
    store = RunData("ladder", Path("ladder"), {}, [], tables=cross_tables(clear), episodes=40)
    assert verdict(store).startswith("good earned most in Kuhn poker: +1.")
    assert "chips a game" in verdict(store)
    assert "not clearly" not in verdict(store)
    even = [row("good", "bad", reward, f"{n}", KUHN) for n, reward in enumerate([1.0, -1.0, 0.1] * 20)]
    assert "chips a game, not clearly more than bad." in verdict(replace(store, tables=cross_tables(even)))


def test_where_not_every_pair_has_met_nobody_is_called_best() -> None:
    games = [row(one, other, 2.0, f"{n}", KUHN) for n in range(20) for one, other in (("a", "b"), ("b", "c"))]
    store = RunData("ladder", Path("ladder"), {}, [], tables=cross_tables(games), episodes=40)
    assert verdict(store) == (
        "3 agents in Kuhn poker: 2 of 3 pairs have met, so their totals do not say who is better."
    )
    assert "2 of 3 pairs have met: the totals come from different opponents" in render([store])
    everybody = [*games, *(row("a", "c", 2.0, f"{n}", KUHN) for n in range(20))]
    assert verdict(replace(store, tables=cross_tables(everybody))).startswith("a earned most of 3 agents in Kuhn poker")


def test_what_a_run_was_made_with_is_shown_and_old_runs_show_what_they_have() -> None:
    found = dict(facts(run(0.9, 0.5, 0.2, made_with=MADE_WITH)))
    assert found == {
        "State": "finished, 2 updates",
        "Method": "spiral",
        "Model": "SmolLM2-135M (smollm2)",
        "Games": "Kuhn poker",
        "Started": "2026-01-02 03:04:05 UTC",
        "Time spent": "2 min",
        "Seed": "0",
        "Versions": "sparring 0.1.0, python 3.12.1, torch 2.6",
        "Source commit": "abc123",
        "Hardware": "A processor, 8 cores",
    }
    old = dict(facts(run(0.9, 0.5)))
    assert set(old) == {"State", "Method", "Model", "Games", "Time spent", "Seed"}
    assert dict(facts(RunData("store", Path("store"), {}, []))) == {}


def test_an_interrupted_run_says_how_far_it_came() -> None:
    assert state(run(0.9, 0.5, steps=7)) == "not finished: 2 of 7 updates done"
    assert state(run(0.9, 0.5, steps=1)) == "finished, 1 update"
    assert state(RunData("store", Path("store"), {}, [])) == ""


@pytest.mark.parametrize(("seconds", "said"), [(5.4, "5 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_several_runs_are_compared_by_what_differs_and_over_their_seeds() -> None:
    runs = [
        run(0.9, 0.2, label="a", seed=1),
        run(0.9, 0.4, label="b", seed=2),
        run(0.9, 0.8, label="c", seed=1, magnet=0.0),
    ]
    found = comparison(runs)
    assert found is not None
    assert found.columns == ("run", "seed", "magnet", "state", "best NashConv, Kuhn poker", "last NashConv, Kuhn poker")
    assert found.rows[0] == ("a", "1", "not set", "not finished: 2 of 2 updates done", "0.2", "0.2")
    assert found.rows[2][:3] == ("c", "1", "0.0")
    assert found.seeds == (
        "2 runs that differ only in their seed (magnet not set), Kuhn poker: "
        "best NashConv 0.3 on average (0.2 to 0.4), last 0.3 on average (0.2 to 0.4).",
    )
    assert comparison(runs[:1]) is None


def test_names_are_those_that_people_know() -> None:
    assert [env_words(name) for name in (KUHN, "sparring/TicTacToe-v0", "sparring/CodeIO-v0", "their/Game-v3")] == [
        "Kuhn poker",
        "Tic tac toe",
        "Code IO",
        "their/Game",
    ]
    assert [model_words(name) for name in ("smollm2", "nano", "/models/qwen-2")] == ["SmolLM2-135M", "nano", "qwen-2"]
    assert metric_words(f"reward/{KUHN}/player_0") == "Reward by seat: Kuhn poker, player_0"
    assert [metric_words(key) for key in ("magnet", "their/own")] == ["Pull towards uniform play", "their/own"]


def test_games_against_uniform_play_have_a_name_that_a_person_knows() -> None:
    assert metric_words(f"against_uniform/{KUHN}") == "Reward against uniform play: Kuhn poker"


def test_a_store_of_many_variants_is_summed_up_in_one_sentence(tmp_path: Path) -> None:
    seats = {"player_0": "random"}
    variants: list[dict[str, object]] = [{"difficulty": level, "max_turns": 2} for level in (1, 2, 3)] + [
        {"max_turns": 2},
        {"max_turns": 3},
    ]
    with Store(tmp_path / "store", "a") as store:
        store.append(
            play(Match(f"{n}", "sparring/Adventure-v0", seats, n, kwargs) for n, kwargs in enumerate(variants))
        )
    (headline,) = headlines(load_run(tmp_path / "store"))
    assert headline.verdict == "random in 1 environment, in 5 variants: Adventure."
