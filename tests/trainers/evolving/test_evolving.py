"""Methods that evolve in rounds: what is selected, derived and fitted; killed and resumed to the bit."""

import json
import logging
import math
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents.models.dictated import end_of_answer
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.store.store import Store
from sparring.trainers.config import load_model
from sparring.trainers.evolving.rows import Row, attempts_of, batch_of, distinct, has_succeeded, with_weights
from sparring.trainers.methods.agent_evol import AgentEvol
from sparring.trainers.methods.agent_evol import Config as AgentEvolConfig
from sparring.trainers.methods.ensemble_instruct import Config as EnsembleConfig
from sparring.trainers.methods.ensemble_instruct import EnsembleInstruct
from sparring.trainers.methods.grpo import Config as GrpoConfig
from sparring.trainers.methods.grpo import Grpo
from sparring.trainers.methods.re_rest import Config as ReRestConfig
from sparring.trainers.methods.re_rest import ReRest
from sparring.trainers.methods.self_challenge import Config as SelfChallengeConfig
from sparring.trainers.methods.self_challenge import SelfChallenge
from sparring.trainers.methods.self_evolution import Config as SelfConfig
from sparring.trainers.methods.self_evolution import SelfEvolution
from sparring.trainers.methods.self_guide import Config as GuideConfig
from sparring.trainers.methods.self_guide import SelfGuide
from sparring.trainers.methods.self_judge import Config as SelfJudgeConfig
from sparring.trainers.methods.self_judge import SelfJudge
from sparring.trainers.methods.self_specialize import Config as SpecializeConfig
from sparring.trainers.methods.self_specialize import SelfSpecialize
from sparring.trainers.methods.sharpening import Config as SharpeningConfig
from sparring.trainers.methods.sharpening import Sharpening
from sparring.trainers.run import Run

torch.set_num_threads(1)
SUMS = "sparring/Critique-v0"
WRITER, CODE_TASK = "sparring/CodeTaskWriter-v0", "sparring/CodeTask-v0"
QUIET = {"evaluation_games": 0, "probe_every": 0, "device": "cpu", "learning_rate": 1e-3, "checkpoint_every": 1}
SMALL = {"games": (SUMS,), "games_per_update": 12, "attempts": 3, "fit_updates": 2, "fit_batch": 4, "seed": 7, **QUIET}
WRITTEN = {**SMALL, "games": ("sparring/Answer-v0:task=review",), "max_new_tokens": 4, "games_per_update": 24}
METHODS = [
    (AgentEvol, AgentEvolConfig(steps=6, **SMALL)),
    (ReRest, ReRestConfig(steps=14, **SMALL)),
    (SelfEvolution, SelfConfig(steps=10, **SMALL)),
    (Sharpening, SharpeningConfig(steps=6, form="rlhf", **SMALL)),
    (SelfJudge, SelfJudgeConfig(steps=8, **SMALL)),
    (SelfChallenge, SelfChallengeConfig(steps=6, max_new_tokens=8, **{**SMALL, "games": (WRITER, CODE_TASK)})),
    (SelfGuide, GuideConfig(steps=8, **WRITTEN)),
    (
        EnsembleInstruct,
        EnsembleConfig(
            steps=5,
            answerers=("chat:nano:temperature=0.01:max_new_tokens=2",),
            **{**WRITTEN, "attempts": 2, "games_per_update": 48},
        ),
    ),
    (SelfSpecialize, SpecializeConfig(steps=5, **WRITTEN)),
]
NAMES = [method.name for method, _ in METHODS]


def weights_of(path):
    return load_file(max((path / "checkpoints").glob("update-*")) / "weights.safetensors")


def root_of(path):
    with Store(path / "episodes") as store:
        return store.root()


def finished(method, config, path):
    rows = []
    assert Run.start(method, config, path).run(rows.append)
    return rows


@pytest.mark.parametrize(("method", "config"), METHODS, ids=NAMES)
def test_a_run_stopped_between_updates_and_resumed_has_the_same_episodes_and_weights(method, config, tmp_path):
    """Stopped after every other update, and each time resumed by a run that knows the folder only."""
    whole, path = tmp_path / "whole", tmp_path / "stopped"
    finished(method, config, whole)
    run = Run.start(method, config, path)
    for stop in range(1, config.steps, 2):
        assert not run.run(should_stop=lambda run=run, stop=stop: run.done == stop)
        run = Run.resume(method, path)
        assert run.done == stop
    assert run.run()
    assert root_of(path) == root_of(whole)
    for name, value in weights_of(whole).items():
        assert torch.equal(value, weights_of(path)[name]), name


def test_rewards_of_0_and_1_as_weights_are_fine_tuning_on_the_successes(tmp_path):
    _, config = METHODS[0]
    finished(AgentEvol, config, tmp_path / "reward")
    finished(AgentEvol, replace(config, weighting="filter"), tmp_path / "filter")
    for name, value in weights_of(tmp_path / "reward").items():
        assert torch.equal(value, weights_of(tmp_path / "filter")[name]), name


def test_the_fit_is_the_reward_weighted_likelihood_of_the_paper(tmp_path):
    config = replace(METHODS[0][1], steps=2, fit_updates=1, fit_batch=100, decoding="free", max_new_tokens=3)
    run, rows = Run.start(AgentEvol, replace(config, solved=0.5), tmp_path / "run"), []
    paid = {}

    def select(stage):
        found = with_weights(
            distinct(run.method.attempts(0)), lambda row: paid.setdefault(row.trajectory.id, len(paid) + 1.0)
        )
        return found

    run.method.select = select
    run.run(rows.append)
    model, total = load_model(config), 0.0
    with Store(tmp_path / "run" / "episodes") as store:
        trajectories = {t.id: t for episode in store for t in episode.trajectories.values()}
    for id, weight in paid.items():
        (sample,) = samples(trajectories[id])
        tokens = [token for call in sample.calls for segment in call.segments for token in segment.token_ids]
        written = sum(len(s.token_ids) for call in sample.calls for s in call.segments if s.kind == "generated")
        logits = model.module(torch.tensor([tokens])).logits[0].log_softmax(-1)
        places = range(len(tokens) - written, len(tokens))
        total -= weight * sum(logits[at - 1, tokens[at]].item() for at in places)
    assert rows[1]["selected"] == len(paid)
    assert rows[1]["loss"] == pytest.approx(total / len(paid) / config.max_new_tokens, rel=1e-4)


def test_every_fit_starts_from_the_weights_of_the_start(tmp_path):
    method, config = METHODS[0]
    run = Run.start(method, replace(config, steps=3), tmp_path / "run")
    run.run()
    base = load_model(config).weights()
    assert any(not torch.equal(value, base[name]) for name, value in run.model.weights().items())
    run.restart()
    assert all(torch.equal(value, base[name]) for name, value in run.model.weights().items())
    assert not run.learner.optimizer.state


def test_without_restart_the_second_round_goes_on_from_the_first(tmp_path):
    method, config = METHODS[0]
    finished(method, config, tmp_path / "anew")
    finished(method, replace(config, restart=False), tmp_path / "on")
    anew, on = weights_of(tmp_path / "anew"), weights_of(tmp_path / "on")
    assert any(not torch.equal(value, on[name]) for name, value in anew.items())


def test_a_round_in_which_nothing_succeeded_says_so_and_leaves_the_weights_of_the_start(tmp_path, caplog):
    method, config = METHODS[0]
    with caplog.at_level(logging.WARNING):
        rows = finished(method, replace(config, weighting="filter", solved=2.0, steps=3), tmp_path / "run")
    assert "round 0 selected nothing for fit: nothing is learnt" in caplog.text
    assert [row["selected"] for row in rows[1:3]] == [0, 0]
    base = load_model(config).weights()
    assert all(torch.equal(value, base[name]) for name, value in weights_of(tmp_path / "run").items())


def test_a_base_set_is_learnt_in_every_round_in_the_agents_own_words(tmp_path):
    with Store(tmp_path / "base", "a") as store:
        store.append(play(Match(f"b/{n}", SUMS, {"player_0": "walkthrough"}, n) for n in range(5)))
    method, config = METHODS[0]
    config = replace(config, source=str(tmp_path / "base"), weighting="filter", solved=2.0)
    rows = finished(method, config, tmp_path / "run")
    assert [row["selected"] for row in rows if "selected" in row] == [5, 5, 5, 5]
    assert all(row["samples"] for row in rows if "selected" in row)


def test_a_base_set_with_nothing_of_these_environments_is_refused_before_anything_is_made(tmp_path):
    with Store(tmp_path / "base", "a") as store:
        store.append(play([Match("b", "sparring/KuhnPoker-v0", dict.fromkeys(("player_0", "player_1"), "random"), 1)]))
    method, config = METHODS[0]
    with pytest.raises(ValueError, match=r"base holds no whole episode in sparring/Critique-v0; it holds episodes of:"):
        Run.start(method, replace(config, source=str(tmp_path / "base")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_held_out_tasks_faults_and_frozen_players_are_never_learnt():
    seats = {"player_0": "walkthrough"}
    held_out, frozen = play([Match("h", SUMS, seats, 1, {"split": "held_out"}), Match("f", SUMS, seats, 1)])
    with pytest.raises(ValueError, match="episode h is a held-out task, which is not to be trained on"):
        attempts_of([held_out])
    assert attempts_of([frozen]) == []
    assert attempts_of([replace(frozen, status="env_error", fault="environment", error="broken")]) == []


def test_equal_attempts_at_a_task_count_once_and_different_ones_each():
    episodes = play(
        Match(f"a/{n}", SUMS, {"player_0": "random"}, n % 3, task=f"task-{n % 3}", sample=n) for n in range(30)
    )
    rows = [Row(episode, episode.trajectories["player_0"], SUMS) for episode in episodes]
    kept = distinct(rows)
    assert {(row.task, row.actions) for row in kept} == {(row.task, row.actions) for row in rows}
    assert len(kept) == len({(row.task, row.actions) for row in rows})


def test_weights_below_nothing_leave_a_row_out_and_no_number_is_refused():
    (episode,) = play([Match("a", SUMS, {"player_0": "random"}, 1)])
    row = Row(episode, episode.trajectories["player_0"], SUMS, weight=2.0)
    assert [found.weight for found in with_weights([row], lambda _: 0.25)] == [0.5]
    assert with_weights([row], lambda _: -1.0) == []
    with pytest.raises(ValueError, match="must be a number, got nan"):
        with_weights([row], lambda _: math.nan)


def test_steps_of_a_fit_use_all_rows_before_one_is_used_again():
    rows = list(range(5))
    order = [4, 2, 0, 1, 3]
    used = [row for step in range(5) for row in batch_of(rows, order, step, 2)]
    assert sorted(used[:5]) == rows
    assert used == [order[place % 5] for place in range(10)]
    assert len(batch_of(rows, order, 0, 100)) == 5


@pytest.mark.parametrize(
    ("method", "config", "ends"),
    [(AgentEvol, METHODS[0][1], 3), (Grpo, GrpoConfig(games=(SUMS,), games_per_update=8, steps=5, seed=1, **QUIET), 1)],
    ids=["agent-evol", "grpo"],
)
def test_a_budget_of_tokens_ends_a_run_after_a_whole_round_as_finished(method, config, ends, tmp_path):
    rows = finished(method, replace(config, token_budget=1), tmp_path / "run")
    assert rows[-1]["update"] == ends
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["steps"] == ends
    assert Run.resume(method, tmp_path / "run").done == ends


def test_the_end_of_a_run_says_that_its_budget_is_spent(tmp_path, capsys):
    words = "--envs Critique --games-per-update 8 --fit-updates 1 --steps 6 --evaluation-games 0 --probe-every 0"
    assert main(["train", "agent-evol", "--run", str(tmp_path / "run"), "--token-budget", "9", *words.split()]) == 0
    assert re.match(r"the token budget is spent: \d+ tokens of --token-budget 9\ndone: ", capsys.readouterr().out)


def test_the_budget_counts_what_was_generated_before_a_resume(tmp_path):
    method, config = METHODS[0]
    rows = finished(method, config, tmp_path / "whole")
    spent = [row["tokens_so_far"] for row in rows if "tokens_so_far" in row]
    run = Run.start(method, config, tmp_path / "run")
    run.run(should_stop=lambda: run.done == 4)
    resumed = Run.resume(method, tmp_path / "run")
    assert resumed.generated == spent[1]


def test_the_answers_of_a_base_set_end_as_the_model_ends_its_own(tmp_path):
    with Store(tmp_path / "base", "a") as store:
        store.append(play([Match("b", SUMS, {"player_0": "walkthrough"}, 3)]))
    config = replace(METHODS[0][1], source=str(tmp_path / "base"), decoding="free", prompt="bracket")
    run = Run.start(AgentEvol, config, tmp_path / "run")
    (row,) = run.method.base.rows()
    (signal,) = run.method.retelling.signals(row.episode, "player_0", SUMS)[0]
    answer = run.model.encode(f"[{row.actions[0]}]")
    written = [signal.tokens[place] for place in signal.targets]
    assert written == answer + list(end_of_answer(run.model))
    assert all(math.isnan(logprob) for logprob in signal.sampling_logprobs)


@pytest.mark.parametrize(("method", "config"), [*METHODS, (Grpo, GrpoConfig(**QUIET))], ids=[*NAMES, "grpo"])
def test_no_method_is_given_held_out_tasks_to_learn_from(method, config, tmp_path):
    with pytest.raises(
        ValueError, match=r"Critique-v0:split=held_out has held-out tasks, which are not to be trained on"
    ):
        Run.start(method, replace(config, games=(f"{SUMS}:split=held_out",)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("metrics", "reward", "succeeded"),
    [
        ({}, 1.0, True),
        ({}, 0.5, False),
        ({"won": 0.0}, 7.0, False),
        ({"success": 1.0, "steps": 40.0}, -0.1, True),
        ({"correct": 1.0}, 0.4, True),
        ({"score": 0.3}, 1.0, True),
    ],
)
def test_success_is_what_the_environment_measures_else_a_reward(metrics, reward, succeeded):
    (episode,) = play([Match("a", SUMS, {"player_0": "random"}, 1)])
    trajectory = replace(episode.trajectories["player_0"], metrics=metrics, reward=reward)
    assert has_succeeded(trajectory, 1.0) is succeeded
