"""A run keeps what it was made with; runs from before this was kept go on and are shown."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

import sparring
from sparring.scoreboard.report.build import load_run, render
from sparring.trainers.made_with import made_with
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run

torch.set_num_threads(1)
SMALL = Config(steps=1, games_per_update=4, evaluation_games=2, checkpoint_every=1, device="cpu")


def config_of(path: Path) -> dict[str, Any]:
    return dict(json.loads((path / "config.json").read_text()))


def test_a_run_keeps_its_time_versions_and_hardware() -> None:
    found = made_with("cpu")
    assert datetime.fromisoformat(found["started"]).tzinfo is not None
    assert (found["sparring"], found["torch"]) == (sparring.__version__, torch.__version__)
    assert {"python", "transformers", "hardware"} <= set(found)
    assert found["hardware"].endswith(" cores")


def test_a_resumed_run_says_when_it_was_started_first(tmp_path: Path) -> None:
    run = tmp_path / "run"
    Run.start(Spiral, SMALL, run).run()
    before = config_of(run)
    assert before["made_with"]["sparring"] == sparring.__version__
    assert Run.resume(Spiral, run, steps=2).run()
    after = config_of(run)
    assert after["config"]["steps"] == 2
    assert after["made_with"] == before["made_with"]
    page = render([load_run(run)])
    assert f"torch {torch.__version__}" in page
    assert "finished, 2 updates" in page


def test_a_run_from_before_this_was_kept_goes_on_and_is_shown(tmp_path: Path) -> None:
    run = tmp_path / "run"
    Run.start(Spiral, SMALL, run).run()
    old = {name: value for name, value in config_of(run).items() if name != "made_with"}
    (run / "config.json").write_text(json.dumps(old))
    assert Run.resume(Spiral, run, steps=2).run()
    assert "made_with" not in config_of(run)
    page = render([load_run(run)])
    assert "<dt>Method</dt><dd>spiral</dd>" in page
    assert "<dt>Versions</dt>" not in page
