"""Stores beside each other: success on the tasks that both hold, its paired difference, and McNemar's exact p."""

import math
from pathlib import Path

import pytest

from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.scoreboard import comparison
from sparring.scoreboard.comparison import Measured, compare_figures, differing_settings, load_measured
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory

ENV = "sparring/TabletopPlan-v0"


def store_of(folder, outcomes, status="ok"):
    """`outcomes`: task -> success."""
    with Store(folder, "a") as store:
        for number, (task, done) in enumerate(outcomes):
            seat = Trajectory(f"{number}/player_0", "player_0", "somebody", (), 1.0, Seen(("",), None, {}))
            seat.metrics = {"success": float(done), "success_at_cap": 0.0}
            store.append([Episode(str(number), ENV, "1", {}, number, status, {"player_0": seat}, task=task)])
    return folder


def compared(*folders):
    return {figure.name: figure for figure in compare_figures([load_measured(folder) for folder in folders])}


def test_success_is_compared_on_the_tasks_that_both_stores_hold(tmp_path):
    ours = store_of(tmp_path / "a", [(f"t{n}", n < 2) for n in range(10)])
    theirs = store_of(tmp_path / "b", [(f"t{n}", n != 0) for n in range(8)])
    figures = compared(ours, theirs)
    success = figures["success TabletopPlan"]
    assert success.values == (0.2, 7 / 8)
    (difference,) = success.differences
    assert difference.value == pytest.approx((6 - 1) / 8)  # t2 to t7 were won, t0 was lost
    assert difference.clusters == 8
    assert success.p_values == (pytest.approx(2 * (1 + 7) / 2**7),)
    assert figures["success within the cap TabletopPlan"].p_values == (1.0,)
    assert "seconds" not in figures


def test_a_task_that_was_played_twice_has_a_difference_and_no_p(tmp_path):
    ours = store_of(tmp_path / "a", [("t0", True), ("t1", True)])
    theirs = store_of(tmp_path / "b", [("t0", True), ("t0", False), ("t1", False)])
    success = compared(ours, theirs)["success TabletopPlan"]
    assert success.p_values == (None,)
    assert success.differences[0].value == pytest.approx(-0.75)


def test_stores_without_a_common_task_have_no_difference(tmp_path):
    success = compared(store_of(tmp_path / "a", [("t0", True)]), store_of(tmp_path / "b", [("t1", True)]))
    assert success["success TabletopPlan"].differences == (None,)
    assert success["success TabletopPlan"].p_values == (None,)


def test_episodes_that_broke_off_are_not_counted(tmp_path):
    with pytest.raises(ValueError, match="say no success"):
        load_measured(store_of(tmp_path / "a", [("t0", True)], status="env_error"))


def test_stores_of_real_robots_are_compared_from_the_command_line(tmp_path, capsys):
    for name, fault in (("safe", "0.0"), ("faulty", "0.6")):
        env = f"TabletopPlan:fault={fault}:retries=0:max_turns=3"
        assert (
            main(["play", env, "--agents", "planner:scripted", "--episodes", "6", "--store", str(tmp_path / name)]) == 0
        )
    capsys.readouterr()
    loaded = [load_measured(tmp_path / name) for name in ("safe", "faulty")]
    assert differing_settings(loaded)["fault"] == ("0.0", "0.6")
    assert main(["compare", *(str(tmp_path / name) for name in ("safe", "faulty"))]) == 0
    shown = capsys.readouterr().out
    assert "success TabletopPlan" in shown
    assert "6 tasks, p " in shown
    (difference,) = compare_figures(loaded)[0].differences
    assert difference.value <= 0
    assert not math.isnan(difference.value)


def test_a_store_of_games_has_nothing_to_compare_and_the_command_says_so(tmp_path, capsys):
    with Store(tmp_path / "s", "a") as store:
        store.append(play([Match("g", "sparring/KuhnPoker-v0", {"player_0": "random", "player_1": "random"}, 1)]))
    assert main(["compare", str(tmp_path / "s"), str(tmp_path / "s")]) == 2
    assert "episodes say no success" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("env_id", "pairs"), [("sparring/KuhnPoker-v0", "deals"), ("sparring/TabletopPlan-v0", "tasks")]
)
def test_what_a_pair_is_called_depends_on_the_family(env_id, pairs):
    rewards = [[((env_id, str(task)), float(task)) for task in range(3)]] * 2
    assert comparison._by_deal("a figure", rewards).pairs == pairs


def test_a_difference_of_curves_stands_beside_the_means_that_it_is_the_difference_of():
    curves = ({0: 1.0, 10: 0.5, 20: 0.3}, {0: 0.9, 10: 0.7})
    runs = [
        Measured(Path(name), {}, {"NashConv": curve}, {}, {}, {}, None)
        for name, curve in zip("ab", curves, strict=True)
    ]
    last, mean, best = compare_figures(runs)
    assert (last.name, last.values, last.differences) == ("NashConv, last", (0.3, 0.7), (None,))
    assert (mean.name, mean.values) == ("NashConv, mean of updates", (0.75, pytest.approx(0.8)))
    assert mean.differences[0].value == pytest.approx(0.05)
    assert (best.name, best.values) == ("NashConv, best", (0.3, 0.7))
