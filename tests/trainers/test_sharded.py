"""The learner in two processes, against the same learner in one."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents.models.adapter import Lora
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.cli.app import main
from sparring.trainers import processes
from sparring.trainers.batch import Signal
from sparring.trainers.leading import require_sharable
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run

CHOICES = ((30, 31), (40, 41, 42), None)
FAILED = 3
"""Exit code of a leader that fails in the middle of what all do together."""
KUHN = "sparring/KuhnPoker-v0"


def sample(number, **streams):
    tokens = (11, 12, 13 + number % 3, 14, 30, 40 + number % 2, 50 + number)
    return Signal(tokens, (4, 5, 6), (-0.7, -1.1, -3.0), CHOICES, 1.0, leaves=((1, 2), (1, 1, 1), None), **streams)


SEVERAL = [sample(number, advantage=1.0 - 0.5 * number, imitation=0.1 * number) for number in range(5)]
PAIRS = [
    sample(number, pair=f"pair {number // 2}", preferred=bool(number % 2), reference_logprobs=(-0.5, -1.0, -2.0))
    for number in range(4)
]
CASES = {
    "all weights": ({}, LearnerConfig(pack_nodes=10), SEVERAL),
    "an adapter": ({"lora": True}, LearnerConfig(pack_nodes=10), SEVERAL),
    "a head of its own, layers computed again": ({"untied": True}, LearnerConfig(pack_nodes=10, epochs=2), SEVERAL),
    "pairs": ({}, LearnerConfig(pack_nodes=10), PAIRS),
    "fewer samples than processes": ({}, LearnerConfig(), SEVERAL[1:2]),
}


def nano(lora=False, untied=False):
    model = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")
    if lora:
        model.add_adapter(Lora(4, 8))
    if untied:
        head = model.module.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach() * 0.9)
        model.module.config.tie_word_embeddings = False
        model.recompute_layers()
    return model


def learnt(learner, playing, signals, whole):
    """Two updates and one after a fresh start: gradients, what was measured, the optimizer's state, weights."""
    gradients, clipped_norm = [], learner._clipped_norm

    def keep():
        gradients.append([whole(parameter.grad).clone() for parameter in learner.trained])
        return clipped_norm()

    learner._clipped_norm = keep
    measured = [learner.step(signals, magnet=0.1) for _ in range(2)]
    found = {"gradients": gradients, "measured": measured, "state": learner.state_dict()}
    learnt_weights = {name: value.clone() for name, value in playing.weights().items()} if playing else {}
    if playing:
        playing.sync({name: 0.9 * value for name, value in learnt_weights.items()}, "again")
    learner.forget()
    learner.step(signals)
    return {**found, "weights": learnt_weights, "afresh": dict(playing.weights()) if playing else {}}


def in_two_processes(folder):
    """What each of the two processes does; the first one writes what came out."""
    from sparring.trainers.sharded import ShardedLearner

    torch.set_num_threads(1)
    with processes.joined() as rank:
        for number, (kind, config, signals) in enumerate(CASES.values()):
            playing = nano(**kind) if rank == 0 else None
            learner = ShardedLearner(nano(**kind), config, playing)
            found = learnt(learner, playing, signals, lambda grad: grad.full_tensor())
            if rank == 0:
                torch.save(found, folder / f"{number}.pt")
        if rank == 0:
            with processes.ordering("what fails on the way"):
                sys.exit(FAILED)
        assert processes.receive() == "what fails on the way"
        with pytest.raises(processes.LostProcess, match="process 1 of 2 lost another one"), processes.others_alive():
            torch.distributed.barrier()


def start(rank, port, command, **options):
    """One of two processes, as torchrun starts it."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    environment |= {name: str(value) for name, value in told.items()}
    return subprocess.Popen([sys.executable, *command], env=environment, text=True, **options)


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("sharded"), free_port()
    started = [start(rank, port, [__file__, str(folder)]) for rank in range(2)]
    codes = [one.wait(300) for one in started]
    assert codes == [FAILED, 0], "a leader that fails in the middle of an update must end, and the other one notice"
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_gradient_weights_and_state_are_those_of_one_process(results, number):
    kind, config, signals = list(CASES.values())[number]
    found = torch.load(results / f"{number}.pt")
    learner = Learner(nano(**kind), config)
    expected = learnt(learner, learner.model, signals, lambda grad: grad)
    assert len(expected["gradients"]) == 3 * config.epochs
    for ours, theirs in zip(found["gradients"], expected["gradients"], strict=True):
        assert sum(float(gradient.abs().sum()) for gradient in theirs) > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(found["measured"], expected["measured"], strict=True):
        assert ours.keys() == theirs.keys()
        same = {name: value for name, value in theirs.items() if name != "nodes"}  # prefixes are shared within a pass
        assert {name: ours[name] for name in same} == pytest.approx(same, rel=2e-4, abs=1e-6)
    torch.testing.assert_close(found["weights"], expected["weights"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["afresh"], expected["afresh"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["state"], expected["state"], rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(tmp_path):
    config = Config(model="nano", games=(KUHN,), steps=1, games_per_update=12, evaluation_games=0, device="cpu")
    settings = f"--model nano --games {KUHN} --games-per-update 12 --evaluation-games 0 --device cpu".split()
    torchrun = f"{sys.executable} -m torch.distributed.run --standalone --nproc-per-node 2 -m --".split()
    command = [*torchrun, "sparring", "train", "spiral", "--run", str(tmp_path / "run")]

    subprocess.run([*command, *settings, "--steps", "1"], check=True, timeout=300)
    assert Run.resume(Spiral, tmp_path / "run", steps=2).run()
    subprocess.run([*command, "--resume", "--steps", "3"], check=True, timeout=300)

    assert Run.start(Spiral, config, tmp_path / "alone").run()
    for steps in (2, 3):
        assert Run.resume(Spiral, tmp_path / "alone", steps=steps).run()
    found, alone = (
        load_file(tmp_path / name / "checkpoints" / "update-000003" / "weights.safetensors")
        for name in ("run", "alone")
    )
    torch.testing.assert_close(found, alone, rtol=0, atol=5e-5)  # AdamW enlarges rounding: a step is 5e-4


@pytest.mark.slow
def test_the_others_end_with_a_line_when_one_process_is_killed(tmp_path):
    settings = f"--model nano --games {KUHN} --games-per-update 8 --evaluation-games 0 --device cpu --steps 9999"
    command = ["-m", "sparring", "train", "spiral", "--run", str(tmp_path / "run"), *settings.split()]
    port = free_port()
    leader, follower = (start(rank, port, command, stderr=subprocess.PIPE) for rank in range(2))
    metrics = tmp_path / "run" / "metrics.jsonl"
    try:
        while not metrics.exists():
            assert leader.poll() is None, leader.stderr.read()
            time.sleep(0.1)
        follower.kill()
        said = leader.communicate(timeout=120)[1]
    finally:
        leader.kill()
        follower.kill()
    assert leader.returncode == 2
    line = next(line for line in said.splitlines() if "stopped" in line)
    assert "process 0 of 2 lost another one" in line
    assert "--resume" in line
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "WORLD_SIZE is not set: start several processes with torchrun"),
        ({"WORLD_SIZE": "2"}, "LOCAL_RANK is not set: start several processes with torchrun"),
        ({"WORLD_SIZE": "two", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}, "WORLD_SIZE must be a number"),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "2"}, "below how many there are"),
    ],
)
def test_what_does_not_fit_together_is_refused(monkeypatch, told, message):
    for name, value in {"RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", **told}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        processes.count()


def test_other_commands_are_not_run_once_by_every_process(monkeypatch, capsys):
    placed = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}
    for name, value in {**placed, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert main(["envs"]) == 2
    assert "only `sparring train` runs under torchrun, start this without it: envs" in capsys.readouterr().err


def test_processes_without_a_gpu_each_are_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="4 processes on this machine need a GPU each, and torch sees 2"):
        processes.take_device("auto")
    with pytest.raises(ValueError, match="device must be auto, cpu or cuda in several processes, got 'cuda:1'"):
        processes.take_device("cuda:1")


@pytest.mark.parametrize(("name", "value"), [("engine", "vllm"), ("optimizer", "adafactor")])
def test_settings_of_one_process_are_refused_in_several(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        require_sharable(Config(**{name: value}))


if __name__ == "__main__":
    in_two_processes(Path(sys.argv[1]))
