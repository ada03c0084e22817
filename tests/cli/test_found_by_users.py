"""Faults that somebody met who knew the README only."""

import subprocess
import sys

import pytest
import torch

from sparring.cli.app import main
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.run import Run

torch.set_num_threads(1)


def test_a_process_that_imports_the_program_does_not_start_it():
    """What multiprocessing does in a spawned child of a script that imports `sparring.__main__`."""
    code = "import sys; sys.argv = ['sparring', 'envs']; import sparring.__main__"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("env", "rule"),
    [
        ("gym:FrozenLake-v1:nope=1", "FrozenLake-v1 has no option 'nope'"),
        ("openspiel:leduc_poker:players=3", "openspiel:leduc_poker cannot be made with {'players': 3}"),
    ],
)
def test_a_wrong_option_of_another_librarys_environment_is_one_line(capsys, env, rule):
    assert main(["check", env]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1


def test_a_run_of_another_method_is_named_on_resume(tmp_path, capsys):
    run = tmp_path / "run"
    small = Config(steps=1, games_per_update=2, group_size=2, evaluation_games=0, probe_every=0, device="cpu")
    Run.start(Grpo, small, run).run()
    assert main(["train", "reinforce", "--run", str(run), "--resume"]) == 2
    assert f"{run} is a run of grpo, not of reinforce; go on with: sparring train grpo" in capsys.readouterr().err
