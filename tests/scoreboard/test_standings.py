"""A run folder is read as it is, and its standings add up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sparring import registry
from sparring.scoreboard.cross_table import mean_reward
from sparring.scoreboard.standings import load_run, standings
from sparring.scoreboard.stats import Outcomes, wilson
from sparring.store.rows import EpisodeRow
from sparring.store.store import Store
from sparring.types import Episode, Trajectory


def row(first: str, second: str, payoff: float, task: str, forfeit: float = 0.0, status: str = "ok") -> EpisodeRow:
    seats = ("player_0", "player_1")
    zero = dict.fromkeys(seats, 0)
    return EpisodeRow(
        position=1,
        id=task + first,
        env_id="kuhn",
        status=status,
        group=None,
        task=task,
        seed=0,
        hash="",
        agents={"player_0": first, "player_1": second},
        trainable={"player_0": first == "learner", "player_1": second == "learner"},
        rewards={"player_0": payoff + forfeit, "player_1": -payoff - forfeit},
        payoffs={"player_0": payoff, "player_1": -payoff},
        turns=zero,
        illegal=zero,
        tokens=zero,
    )


def test_a_standing_joins_both_seats_from_the_learners_side() -> None:
    rows = [
        row("learner", "always", 1, "a"),
        row("always", "learner", 1, "b"),
        row("learner", "always", 0, "c", forfeit=-2),
        row("always", "always", 1, "d"),
        row("learner", "always", 1, "e", status="env_error"),
    ]
    against, itself = standings(rows)
    assert (against.agent, against.opponent, against.episodes, against.broken_off) == ("learner", "always", 4, 1)
    assert against.outcomes == Outcomes(wins=1, losses=1, illegal_losses=1)
    assert against.win_rate == wilson(1, 3)
    assert against.reward.value == pytest.approx((1 - 1 - 2) / 3)
    assert (itself.agent, itself.opponent, itself.outcomes) == ("always", "always", Outcomes(wins=1))


def test_against_the_same_opponent_the_one_that_earned_more_stands_first() -> None:
    """`bold` wins two of three games and loses chips, `calm` wins one of three and earns some."""
    chips = {"bold": (1, 1, -6), "calm": (-1, -1, 6)}
    rows = [row(name, "random", won, f"{name}{n}") for name, wins in chips.items() for n, won in enumerate(wins)]
    found = standings([replace(one, tokens={"player_0": 3, "player_1": 0}) for one in rows])
    assert [one.agent for one in found] == ["calm", "bold"]
    assert found[0].win_rate.value < found[1].win_rate.value


def test_against_itself_the_first_seat_is_counted_whoever_wrote_tokens() -> None:
    silent = replace(row("same", "same", 1, "a"), tokens={"player_0": 0, "player_1": 5})
    (found,) = standings([silent, row("same", "same", 1, "b")])
    assert (found.itself, found.outcomes, found.reward.value) == (True, Outcomes(wins=2), 1.0)


def test_an_agent_alone_has_no_win_rate() -> None:
    alone = replace(row("solo", "", 1, "a"), agents={"player_0": "solo"}, rewards={"player_0": 1.0})
    (found,) = standings([alone, replace(alone, id="b", task="b")])
    assert (found.reward.n, found.win_rate.n, found.illegal_rate.n, found.outcomes.n) == (2, 0, 0, 0)


def test_a_mean_reward_stays_within_what_the_environment_can_pay() -> None:
    rows = [replace(row("a", "b", 1, f"t{n}"), env_id="sparring/TicTacToe-v0") for n in range(4)]
    rows[3] = replace(rows[3], rewards={"player_0": 0.0, "player_1": 0.0})
    (found,) = standings(rows)
    assert found.reward.value == 0.75
    assert -1.0 < found.reward.low < found.reward.value < found.reward.high <= 1.0


def test_a_mean_of_several_settings_stays_within_what_any_of_them_can_pay() -> None:
    row_of = registry.envs.row("sparring/MultiplayerLeducPoker-v0")
    assert row_of.rewards_with({}) == (-13.0, 26.0)
    assert row_of.rewards_with({"players": 10}) == row_of.reward_range
    few = mean_reward(row_of.name, [25.0, 26.0], ["a", "b"], [{}, {}])
    some = mean_reward(row_of.name, [25.0, 26.0], ["a", "b"], [{}, {"players": 4}])
    assert few.high <= 26.0 < some.high <= 39.0


@pytest.mark.parametrize("name", [one.name for one in registry.envs if one.reward_range and one.family == "games"])
def test_the_stated_range_of_a_game_is_open_spiels(name: str) -> None:
    row = registry.envs.row(name)
    if not hasattr(row.build, "spiel_game"):
        pytest.skip("a game with rules of our own")
    game = registry.envs.make(
        name, **({"players": 10} if row.seats_option else {})
    ).spiel_game  # most seats, most to win
    assert row.reward_range == (game.min_utility(), game.max_utility())


def test_mirrored_games_are_one_task() -> None:
    rows = [row(*seats, 1, f"t{number // 2}") for number, seats in enumerate([("a", "b"), ("b", "a")] * 4)]
    (standing,) = standings(rows)
    assert (standing.win_rate.n, standing.win_rate.clusters) == (8, 4)
    expected = wilson(2, 4)
    assert (standing.win_rate.value, standing.win_rate.low, standing.win_rate.high) == (
        0.5,
        expected.low,
        expected.high,
    )


def episode(id: str) -> Episode:
    one = Trajectory(f"{id}/player_0", "player_0", "alone", (), 2.0, reward_parts={"payoff": 2.0})
    return Episode(id, "walk", "0", {}, 0, "ok", {"player_0": one})


def test_a_run_folder_is_read(tmp_path: Path) -> None:
    started = {"format": 3, "method": "spiral", "config": {"seed": 3}}
    (tmp_path / "config.json").write_text(json.dumps(started))
    lines = [json.dumps({"update": update, "loss": update / 2}) for update in range(3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"update": 3, "lo')
    with Store(tmp_path / "episodes", "a") as store:
        store.append([episode(f"e{number}") for number in range(101)])
        root = store.root()
    run = load_run(tmp_path, replays=11)
    assert (run.config, run.settings) == (started, {"seed": 3})
    assert [line["loss"] for line in run.metrics] == [0.0, 0.5, 1.0]
    assert [one.id for one in run.replays] == [f"e{number}" for number in range(0, 101, 10)]
    assert (run.episodes, run.turns, run.root, run.label) == (101, 0, root, tmp_path.name)
    (standing,) = run.standings
    assert (standing.agent, standing.opponent, standing.outcomes.n, standing.reward.value) == ("alone", None, 0, 2.0)


@pytest.mark.parametrize(("asked", "got"), [(0, 0), (1, 1), (2, 2), (50, 5)])
def test_no_more_replays_than_asked_or_stored(tmp_path: Path, asked: int, got: int) -> None:
    with Store(tmp_path / "episodes", "a") as store:
        store.append([episode(f"e{number}") for number in range(5)])
    assert len(load_run(tmp_path, replays=asked).replays) == got


def test_damaged_episodes_are_told_not_hidden(tmp_path: Path) -> None:
    with Store(tmp_path / "episodes", "a") as store:
        store.append([episode("a")])
        store.append([episode("b")])
    (segment,) = (tmp_path / "episodes" / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[-8] ^= 1
    segment.write_bytes(content)
    run = load_run(tmp_path)
    assert [one.id for one in run.replays] == ["a"]
    assert len(run.damaged) == 1
    assert run.damaged[0].startswith("episode 'b' in ")


def test_a_broken_metrics_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"update": 0}\nnot json\n{"update": 2}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl line 2 is damaged: it is no JSON object of an update"):
        load_run(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        load_run(tmp_path)


def test_a_run_without_episodes_has_its_metrics(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"update": 0}\n')
    run = load_run(tmp_path)
    assert (len(run.metrics), run.episodes, run.standings) == (1, 0, ())


@pytest.mark.parametrize("content", [b"{", b"\xd6\x00", b"5"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    (tmp_path / "metrics.jsonl").write_text('{"update": 0}\n')
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        load_run(tmp_path)
