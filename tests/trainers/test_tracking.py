"""Metrics beside the run folder: the same numbers, offline, again after a resumption."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from sparring import registry
from sparring.cli.app import main
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.trainers.run_folder import read_metrics

torch.set_num_threads(1)
SMALL = Config(steps=2, games_per_update=4, evaluation_games=0, checkpoint_every=1, device="cpu")
KUHN = "nash_conv/sparring/KuhnPoker-v0"


def scalars(folder, name):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_tensorboard_holds_the_numbers_of_the_metrics_also_after_a_resumption(tmp_path):
    run = tmp_path / "run"
    Run.start(Spiral, replace(SMALL, track=("tensorboard",)), run).run()
    assert Run.resume(Spiral, run, steps=4).run()
    rows = [(row["update"], row[KUHN]) for row in read_metrics(run / "metrics.jsonl")]
    tracked = scalars(run / "tensorboard", KUHN)
    assert [step for step, _ in tracked] == [0, 1, 2, 3, 4]
    assert [value for _, value in tracked] == pytest.approx([value for _, value in rows])


@pytest.mark.slow
def test_wandb_writes_into_the_run_folder_and_asks_nobody(tmp_path):
    run = tmp_path / "run"
    words = [
        "train",
        "spiral",
        "--track",
        "wandb",
        "--steps",
        "1",
        "--games-per-update",
        "4",
        "--evaluation-games",
        "0",
    ]
    command = [sys.executable, "-P", "-m", "sparring", *words, "--device", "cpu", "--run", str(run)]
    subprocess.run(command, env={**os.environ, "WANDB_MODE": "offline"}, check=True, capture_output=True, timeout=120)
    (written,) = (run / "wandb").glob("offline-run-*/*.wandb")
    assert b"sampler_mismatch" in written.read_bytes()


def test_a_tracker_that_is_not_installed_is_one_line_before_the_folder_is_made(tmp_path, monkeypatch, capsys):
    def missing(module, extra):
        raise registry.MissingExtra(f'{module} is not installed: run `pip install "sparring[{extra}]"`')

    monkeypatch.setattr("sparring.trainers.tracking.require", missing)
    assert main(["train", "spiral", "--track", "wandb", "--run", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.strip() == 'sparring: wandb is not installed: run `pip install "sparring[track]"`'
    assert not (tmp_path / "run").exists()
