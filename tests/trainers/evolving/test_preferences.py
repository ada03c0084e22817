"""Sharpening and Self-Judge: pairs out of own attempts."""

from collections import Counter

import pytest
import torch

from sparring.store.store import Store
from sparring.trainers.batch import merge
from sparring.trainers.evolving.rows import Pair, by_task, distinct
from sparring.trainers.methods.self_judge import Config as JudgeConfig
from sparring.trainers.methods.self_judge import SelfJudge, verdict_of
from sparring.trainers.methods.sharpening import Config as SharpConfig
from sparring.trainers.methods.sharpening import Sharpening, likelihood
from sparring.trainers.run import Run

torch.set_num_threads(1)
SUMS = "sparring/Critique-v0"
SMALL = {
    "games": (SUMS,), "games_per_update": 12, "attempts": 4, "fit_updates": 1, "fit_batch": 64, "seed": 7,
    "evaluation_games": 0, "probe_every": 0, "device": "cpu", "learning_rate": 1e-3, "checkpoint_every": 1,
}  # fmt: skip


def played(method, config, path):
    run, rows = Run.start(method, config, path), []
    run.run(rows.append)
    run.store = Store(run.folder.episodes)
    return run, rows


def test_the_sft_form_learns_the_likeliest_of_the_attempts_at_each_task(tmp_path):
    run, rows = played(Sharpening, SharpConfig(steps=2, **SMALL), tmp_path / "run")
    chosen, attempts = run.method.select(run.method.stage(1)), by_task(run.method.attempts(0))
    assert rows[1]["selected"] == len(chosen) == len(attempts) == 3
    for row in chosen:
        assert likelihood(row) == max(map(likelihood, attempts[row.task]))


def test_the_rlhf_form_regresses_on_differences_of_the_models_own_log_probabilities(tmp_path):
    config = SharpConfig(steps=2, form="rlhf", beta=0.5, **SMALL)
    run, rows = played(Sharpening, config, tmp_path / "run")
    pairs = run.method.select(run.method.stage(1))
    assert pairs
    for pair in pairs:
        assert pair.gap == pytest.approx(likelihood(pair.chosen) - likelihood(pair.rejected))
        assert pair.gap >= 0
        assert pair.chosen.task == pair.rejected.task
    gaps = [pair.gap for pair in pairs]
    assert rows[1]["pair_loss"] == pytest.approx(sum(gap**2 for gap in gaps) / len(gaps), rel=1e-4), "margins are 0"
    assert run.learner.config.pair_beta == 0.5


def test_a_pair_is_two_sides_that_are_preferred_and_not_and_imitate_nothing(tmp_path):
    run, _ = played(Sharpening, SharpConfig(steps=2, form="rlhf", **SMALL), tmp_path / "run")
    (pair, *_) = run.method.select(run.method.stage(1))
    signals = list(run.method._signals_of(pair))
    assert [signal.preferred for signal in signals] == [True, False]
    assert len({signal.pair for signal in signals}) == 1
    assert all(not any(entry.imitation) for entry in merge(signals).merged)


def test_long_attempts_are_quoted_to_a_judge_as_far_as_the_context_goes(tmp_path):
    games = {"games": ("sparring/Adventure-v0:difficulty=1",), "games_per_update": 8}
    run, rows = played(SelfJudge, JudgeConfig(steps=3, **{**SMALL, **games}), tmp_path / "run")
    assert rows[2]["samples"] > 0
    assert rows[2]["too_long"] == 0
    assert any("characters are left out" in one.env_kwargs["first"] for one in run.method.played(0, "show"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return played(
        SelfJudge, JudgeConfig(steps=6, **{**SMALL, "games_per_update": 40}), tmp_path_factory.mktemp("r") / "run"
    )


def test_judging_is_shown_on_pairs_of_different_scores_in_both_orders(judged):
    run, _ = judged
    rows = run.method.select(run.method.stage(2))
    attempts = run.method.parents(run.method.stage(0))
    assert rows
    for row in rows:
        first, second = (attempts[id].trajectory.reward for _, id in row.trajectory.parents)
        assert first != second
    assert all(row.trajectory.reward == 1.0 and row.retold for row in rows)
    assert set(Counter(row.actions[0] for row in rows).values()) == {len(rows) // 2}, "each as often first as second"


def test_a_pair_is_learnt_where_the_verdicts_of_both_orders_agree(judged):
    run, rows = judged
    method = run.method
    stage = method.stage(method.update_of(1, "fit"))
    verdicts = [verdict_of(episode) for episode in method.played(1, "judge")]
    pairs, expected = method.pairs(1), []
    for number, (one, other) in enumerate(pairs):
        said = verdicts[2 * number : 2 * number + 2]
        if said == ["first", "second"]:
            expected.append(Pair(one, other))
        elif said == ["second", "first"]:
            expected.append(Pair(other, one))
    assert method.select(stage) == expected
    assert rows[5]["consistent"] == pytest.approx(len(expected) / len(pairs))


def test_a_judge_who_always_says_first_gives_no_pair_and_the_run_says_so(judged, caplog, monkeypatch):
    run, _ = judged
    monkeypatch.setattr("sparring.trainers.methods.self_judge.verdict_of", lambda episode: "first")
    run.method._rows = ((-1, ""), [])
    assert run.method.rows(run.method.stage(5)) == []
    assert "round 1 selected nothing for fit: nothing is learnt" in caplog.text


def test_one_attempt_a_task_makes_no_pairs_and_is_refused(tmp_path):
    with pytest.raises(ValueError, match="attempts must be >= 2, so that there are pairs, got 1"):
        Run.start(SelfJudge, JudgeConfig(**{**SMALL, "attempts": 1}), tmp_path / "run")


def test_different_attempts_are_held_against_each_other_once(judged):
    run, _ = judged
    for pair in run.method.pairs(1):
        assert pair[0].task == pair[1].task
        assert pair[0].actions != pair[1].actions
    kept = distinct(run.method.attempts(1))
    assert len(run.method.pairs(1)) == sum(len(rows) - 1 for rows in by_task(kept).values())
