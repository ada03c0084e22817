"""Games that are played ahead of the weights: by a rule, corrected for, and the same after an interruption."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sparring.store.store import Store
from sparring.trainers.alarms import Alarms
from sparring.trainers.methods import grpo, spiral
from sparring.trainers.run import Run

METHODS = {"spiral": spiral.Spiral, "grpo": grpo.Grpo}


def settings(name: str, **more: object):
    usual = {"games_per_update": 16, "steps": 5, "evaluation_games": 0, "probe_every": 0, "evaluate_every": 0}
    return METHODS[name].config_type(**{**usual, "checkpoint_every": 2, "learning_rate": 5e-3, **more})


def outcome(run: Run) -> tuple[str, str]:
    """The root of its store, and the SHA-256 of its weights."""
    weights = b"".join(value.numpy().tobytes() for value in run.model.weights().values())
    with Store(run.folder.episodes) as store:
        return store.root(), hashlib.sha256(weights).hexdigest()


def played_by(run: Run, update: int) -> set[str]:
    """The versions of the weights that played an update's games."""
    with Store(run.folder.episodes) as store:
        ids = [row.id for row in store.rows() if row.id.startswith(f"update-{update}/")]
        episodes = store.get_many(ids).values()
    calls = (call for e in episodes for t in e.trajectories.values() for turn in t.turns for call in turn.calls)
    return {call.policy.weights_version for call in calls if call.policy.trainable}


@pytest.mark.parametrize("method", METHODS)
def test_games_are_played_by_the_weights_of_so_many_updates_before(method: str, tmp_path: Path) -> None:
    run = Run.start(METHODS[method], settings(method, staleness=2), tmp_path / "run")
    assert run.run()
    versions = [played_by(run, update) for update in range(5)]
    assert all(len(version) == 1 for version in versions)
    assert versions[0] == versions[1] == versions[2]
    assert len({next(iter(version)) for version in versions[2:]}) == 3
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line.get("staleness") for line in lines] == [0, 1, 2, 2, 2, None]
    assert lines[0]["importance"] == pytest.approx(1.0, abs=1e-4)
    assert lines[0]["sampler_mismatch"] < 1e-4 < 1e-2 < lines[3]["sampler_mismatch"]
    assert 0.5 < lines[3]["importance"] < 1.5
    assert 0.0 <= lines[3]["importance_capped"] <= 1.0


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on_with_the_games_that_had_begun(stopped_after: int, tmp_path: Path) -> None:
    config = settings("grpo", staleness=2, tasks=6)
    whole = Run.start(grpo.Grpo, config, tmp_path / "whole")
    assert whole.run()
    begun = Run.start(grpo.Grpo, config, tmp_path / "begun")
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > stopped_after

    assert not begun.run(should_stop=stop)
    resumed = Run.resume(grpo.Grpo, tmp_path / "begun")
    assert resumed.run()
    assert outcome(resumed) == outcome(whole)


def test_a_run_that_died_between_checkpoints_becomes_the_run_that_would_have_been(tmp_path: Path) -> None:
    config = settings("spiral", staleness=1)
    whole = Run.start(spiral.Spiral, config, tmp_path / "whole")
    assert whole.run()
    died = Run.start(spiral.Spiral, config, tmp_path / "died")

    def die(metrics: object) -> None:
        if died.done == 4:  # after two updates that no checkpoint holds
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        died.run(die)
    resumed = Run.resume(spiral.Spiral, tmp_path / "died")
    assert resumed.done == 2
    assert resumed.run()
    assert outcome(resumed) == outcome(whole)


def test_old_weights_are_no_alarm() -> None:
    assert Alarms().feed({"sampler_mismatch_mean": 0.4})
    assert not Alarms().feed({"sampler_mismatch_mean": 0.4, "staleness": 1})
