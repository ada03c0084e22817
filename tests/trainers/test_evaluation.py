"""A run's exact figures are those of the policy that plays, and `eval RUN` measures that very policy."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents.scripted import ScriptedAgent
from sparring.cli import arguments
from sparring.cli.app import main
from sparring.scoreboard.evaluate import evaluate, load_for_report
from sparring.scoreboard.report.build import render
from sparring.scoreboard.suites import SUITES
from sparring.store.store import Store
from sparring.trainers.evaluation import Evaluator
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunFolder, read_metrics

torch.set_num_threads(1)
KUHN = "sparring/KuhnPoker-v0"
SMALL = {"games_per_update": 8, "evaluation_games": 4, "checkpoint_every": 1, "device": "cpu", "seed": 3}


@pytest.fixture(scope="module")
def free(tmp_path_factory) -> Path:
    """A run that writes freely, so badly that every game is forfeited; SPIRAL's price for that."""
    path = tmp_path_factory.mktemp("runs") / "free"
    Run.start(Spiral, Config(**SMALL, steps=2, decoding="free", max_new_tokens=6, illegal="spiral"), path).run()
    return path


@pytest.fixture(scope="module")
def cold(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "cold"
    Run.start(Spiral, Config(**SMALL, steps=2, temperature=0.2, prompt="boxed"), path).run()
    return path


def test_a_run_that_writes_freely_has_no_exact_figures(free):
    rows = read_metrics(free / "metrics.jsonl")
    assert rows[0]["illegal_share"] > 0.9
    assert not [key for row in rows for key in row if key.startswith("nash_conv")]
    assert json.loads((free / "policies.json").read_text()) == {}
    report = render([load_for_report(free)])
    assert "NashConv at first" not in report
    assert 'id="policies"' not in report


def test_without_exact_figures_the_best_checkpoint_is_the_last_weights(free):
    best = load_file(free / "checkpoints" / "best" / "model.safetensors")
    last = load_file(max((free / "checkpoints").glob("update-*")) / "weights.safetensors")
    shared = set(best) & set(last)
    assert len(shared) > 5
    assert all(torch.equal(best[name], last[name]) for name in shared)


def test_an_unfinished_run_without_exact_figures_can_be_measured(tmp_path):
    run, updates = Run.start(Spiral, Config(**SMALL, steps=9, decoding="free", max_new_tokens=4), tmp_path / "run"), []
    assert not run.run(updates.append, should_stop=lambda: len(updates) == 1)
    agent, _, _ = arguments.measured(str(tmp_path / "run"), None)
    assert agent.sampling.decoding == "free"


def test_eval_of_a_run_that_writes_freely_measures_its_games_by_its_own_rules(free):
    agent, game, kwargs = arguments.measured(str(free), None)
    measured = evaluate(agent, game, games=8, seed=0, env_kwargs=kwargs)
    assert measured.nash_conv is None
    assert measured.no_exact.endswith("shows no distribution over the legal actions, so its exact strength is unknown")
    assert dict(measured.settings) == {
        "prompt": "bracket",
        "decoding": "free",
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 6,
        "illegal": "spiral",
    }
    assert measured.standing.outcomes.illegal_losses == 8
    assert measured.standing.reward.value == -1.5


def test_eval_of_a_run_measures_at_its_own_temperature_and_says_so(cold, capsys):
    agent, game, kwargs = arguments.measured(str(cold), None)
    measured = evaluate(agent, game, games=0, seed=0, env_kwargs=kwargs)
    best = min(row[f"nash_conv/{KUHN}"] for row in read_metrics(cold / "metrics.jsonl"))
    assert measured.nash_conv == pytest.approx(best, abs=1e-5)
    assert main(["eval", str(cold), "--games", "0"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "measured with prompt boxed, temperature 0.2, top_p 1.0, max_new_tokens 64, decoding legal" in shown


# A run folder as a model


def test_a_run_folder_as_a_model_is_its_best_checkpoint_playing_as_it_was_trained(cold):
    as_model, as_agent = arguments.agent(f"model:{cold}"), arguments.agent(str(cold))
    best = load_file(cold / "checkpoints" / "best" / "model.safetensors")
    for player in (as_model, as_agent):
        assert player.name == str(cold)
        assert (player.template.name, player.sampling.temperature) == ("boxed", 0.2)
        held = player.model.weights()
        assert all(torch.equal(held[name], value) for name, value in best.items() if name in held)
    assert as_model.policies == as_agent.policies


def test_options_beside_a_run_folder_come_before_its_settings(cold):
    player = arguments.agent(f"model:{cold}:temperature=0.5")
    assert (player.template.name, player.sampling.temperature) == ("boxed", 0.5)


def test_training_starts_from_the_best_weights_of_another_run(cold, tmp_path):
    run = Run.start(Spiral, Config(**SMALL, model=str(cold), steps=1, prompt="boxed"), tmp_path / "second")
    best = load_file(cold / "checkpoints" / "best" / "model.safetensors")
    assert all(torch.equal(value, best[name]) for name, value in run.model.weights().items())


def test_a_strategy_takes_the_best_weights_of_a_run(cold):
    (model,) = arguments.agent(f"tree-of-code:{cold}").models
    best = load_file(cold / "checkpoints" / "best" / "model.safetensors")
    assert all(torch.equal(value, best[name]) for name, value in model.weights().items())


def test_a_run_plays_a_suite_as_it_was_trained(cold, tmp_path, monkeypatch):
    monkeypatch.setitem(SUITES, "code", SUITES["code"][-1:])
    assert main(["eval", str(cold), "--suite", "code", "--games", "1", "--store", str(tmp_path / "suite")]) == 0
    with Store(tmp_path / "suite") as store:
        (trajectory,) = [t for episode in store for t in episode.trajectories.values()]
    assert trajectory.agent == str(cold)
    assert {call.sampling.temperature for _, call in trajectory.calls} == {0.2}


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (
            ("train", "spiral", "--model", "{cold}", "--run", "new", "--device", "cpu"),
            "prompt: the model {cold} was trained with prompt 'boxed', got 'bracket'; add --prompt boxed",
        ),
        (
            ("eval", "model:{cold}/checkpoints"),
            "belongs to the run {cold}, whose best weights are the model of that name",
        ),
        (("eval", "model:{young}"), "{young} has no checkpoint yet"),
        (("eval", "{young}", "--suite", "code"), "{young} has no checkpoint yet"),
        (("eval", "{cold}/checkpoints/best"), "is a model's folder, not a run's: write model:{cold}/checkpoints/best"),
        (("eval", "{cold}/checkpoints/best", "--suite", "code"), "write model:{cold}/checkpoints/best"),
    ],
)
def test_what_is_no_model_of_a_run_is_refused_and_names_what_would_be(cold, tmp_path, monkeypatch, capsys, asked, rule):
    monkeypatch.chdir(tmp_path)
    young = tmp_path / "young"
    RunFolder(young).create("spiral", {"prompt": "boxed"})
    assert main([word.format(cold=cold, young=young) for word in asked]) == 2
    said = capsys.readouterr().err
    assert rule.format(cold=cold, young=young) in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_the_illegal_rule_of_a_run_is_that_of_its_own_games(free):
    assert arguments.measured(str(free), "LeducPoker")[1:] == ("sparring/LeducPoker-v0", {})


def test_an_evaluator_takes_back_only_the_games_it_can_solve(cold):
    player = arguments.measured(str(cold), None)[0]
    first = Evaluator([KUHN], player)
    first.evaluate(0)
    again = Evaluator([KUHN], player)
    again.load_state_dict(first.state_dict())
    assert again.policies() == first.policies()
    silent = Evaluator([KUHN], ScriptedAgent("silent"))
    silent.load_state_dict(first.state_dict())
    assert (silent.games, silent.evaluate(1), silent.policies()) == ([], {}, {})


def test_a_report_shows_what_it_can_of_a_game_that_is_not_installed_and_says_what_it_left_out(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"format": 1, "method": "x", "config": {"games": ["their/Game-v3"]}}))
    (run / "metrics.jsonl").write_text(json.dumps({"update": 0, "nash_conv/their/Game-v3": 0.25}) + "\n")
    assert main(["report", str(run), "-o", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "the reference policies of their/Game-v3 are left out: unknown environment" in page
    assert "0.25" in page
