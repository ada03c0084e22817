"""What the studies conclude, as inequalities with intervals: these are the statements of docs/robot.md."""

import numpy as np
import pytest

from sparring.scoreboard.stats import mcnemar, paired_share_difference
from sparring.trainers.robot.studies import FAULTS, Study, ablation_arms, play_arm, run_study, verifier_arms
from sparring.trainers.robot.verifying import VerifierConfig, train_verifier

EPISODES = 100
NAMES = [arm.name for arm in FAULTS]


@pytest.fixture(scope="module")
def wins():
    """Successes of every arm at p(fault) = .3, on the same tasks."""
    study = Study(FAULTS, episodes=EPISODES)
    played = {arm.name: play_arm(arm, study, 0.3) for arm in FAULTS}
    return {name: [metrics["success"] == 1 for metrics in found] for name, found in played.items()}


def difference(wins, ours, theirs):
    tasks = range(EPISODES)
    return paired_share_difference(zip(tasks, wins[ours], strict=True), zip(tasks, wins[theirs], strict=True))


def test_retries_matter(wins):
    found = difference(wins, "oracle, 3 retries, lift first", "oracle, no retry")
    assert found.low > 0.1
    assert mcnemar(wins["oracle, 3 retries, lift first"], wins["oracle, no retry"]) < 1e-4


def test_verification_alone_hardly_matters(wins):
    found = difference(wins, "oracle, no retry", "open loop")
    assert found.low > -0.1
    assert found.high < 0.1


def test_lifting_first_makes_no_difference(wins):
    assert abs(difference(wins, "oracle, 3 retries, lift first", "oracle, 3 retries, no lift").value) < 0.05


def test_a_verifier_with_ten_percent_false_yes_is_worse_than_none(wins):
    assert difference(wins, "10 % false yes, 1 of 1", "open loop").high < 0


def test_two_of_two_mends_it(wins):
    assert difference(wins, "10 % false yes, 2 of 2", "10 % false yes, 1 of 1").low > 0.2
    assert difference(wins, "10 % false yes, 2 of 2", "oracle, 3 retries, lift first").value > -0.1


def test_three_of_three_mends_thirty_percent(wins):
    assert difference(wins, "30 % false yes, 3 of 3", "30 % false yes, 1 of 1").low > 0.5


def test_the_exposure_does_not_depend_on_the_controller():
    """Arms without retries differ in when they stop, and meet the same faults in the same attempts."""
    study = Study(FAULTS, episodes=30)
    by_name = {arm.name: arm for arm in FAULTS}
    met = {name: [metrics["faults"] for metrics in play_arm(by_name[name], study, 0.3)] for name in NAMES[:2]}
    assert np.mean(met["open loop"]) == pytest.approx(np.mean(met["oracle, no retry"]), abs=0.1)


@pytest.fixture(scope="module")
def heads():
    return train_verifier(VerifierConfig(episodes=160, choosing=100))


@pytest.fixture(scope="module")
def blind():
    return train_verifier(VerifierConfig(episodes=120, choosing=20, blind=True))


def test_a_trained_verifier_beats_the_untrained_one_and_comes_close_to_the_oracle(heads, blind):
    rows = {row.arm: row for row in run_study(Study(verifier_arms(heads, blind), (0.3,), 100, None, seed=500))}
    assert rows["trained"].success.value > rows["untrained, 1 of 1"].success.value
    assert rows["trained"].success.value > rows["untrained, same window"].success.value
    assert rows["trained"].difference.value > -0.1


def test_the_ablation_names_a_difference_for_every_part(heads, blind):
    full, *rows = run_study(Study(ablation_arms(heads, blind), (0.3,), 60, None, seed=500))
    assert full.difference is None
    parts = {row.arm: row.difference.value for row in rows}
    assert set(parts) == {"planner off", "verifier off", "untrained verifier", "recovery off", "visual input off"}
    assert parts["planner off"] < -0.1
    assert parts["recovery off"] < 0


def test_training_a_verifier_twice_gives_the_same():
    config = VerifierConfig(episodes=60, choosing=5)
    assert train_verifier(config) == train_verifier(config)


def test_a_blind_verifier_does_not_look(blind, heads):
    readings = np.array([0.5, 0.15, *np.zeros(9), 0.0])
    moved = readings + np.array([0, 0, *np.full(9, 0.3), 0.0])
    assert blind.heads["pick up"].probability(readings) == pytest.approx(blind.heads["pick up"].probability(moved))
    assert heads.heads["pick up"].probability(readings) != pytest.approx(heads.heads["pick up"].probability(moved))


def test_a_verifier_is_read_as_it_was_written(heads, tmp_path):
    from sparring.robotics.heads import read_heads

    heads.write(tmp_path / "v.json")
    again = read_heads(tmp_path / "v.json")
    assert (again.heads, again.window, again.agree) == (heads.heads, heads.window, heads.agree)
    text = (tmp_path / "v.json").read_text()
    (tmp_path / "w.json").write_text(text.replace('"threshold"', '"treshold"'))
    with pytest.raises(ValueError, match="damaged verifier"):
        read_heads(tmp_path / "w.json")


def test_too_little_practice_is_said():
    with pytest.raises(ValueError, match="needs >= 20 checks of each verdict, got"):
        train_verifier(VerifierConfig(episodes=5))
    with pytest.raises(ValueError, match="episodes must be >= 5, got 1"):
        VerifierConfig(episodes=1)


def test_mcnemar_equals_a_binomial_of_the_discordant_tasks():
    """10 tasks that only one of the two solved, 2 of them by ours: 2 * P(X <= 2 | 10, 1/2) = 112 / 1024."""
    ours, theirs = [True] * 2 + [False] * 8 + [True] * 5, [False] * 2 + [True] * 8 + [True] * 5
    assert mcnemar(ours, theirs) == pytest.approx(112 / 1024)
    assert mcnemar(theirs, ours) == pytest.approx(112 / 1024)
    assert mcnemar([True] * 5, [True] * 5) == 1.0
    assert mcnemar([True, False], [False, True]) == 1.0
    with pytest.raises(ValueError, match="the same tasks"):
        mcnemar([True], [])
