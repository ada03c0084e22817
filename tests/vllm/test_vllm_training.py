"""Runs whose games vLLM samples: what the sampler says is what the learner says, and resumed they are the same."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring.store.store import Store
from sparring.trainers.methods.grpo import Config as GrpoConfig
from sparring.trainers.methods.grpo import Grpo
from sparring.trainers.methods.spiral import Config as SpiralConfig
from sparring.trainers.methods.spiral import Spiral
from sparring.trainers.run import Run

SPIRAL = SpiralConfig(
    steps=2, games_per_update=16, league_every=1, league_share=0.5, checkpoint_every=1, keep_checkpoints=5,
    evaluation_games=2, seed=11, device="cpu", engine="vllm",
)  # fmt: skip
GRPO = GrpoConfig(
    games=("sparring/TicTacToe-v0",), opponents=("random",), steps=2, games_per_update=16, group_size=4,
    temperature=0.8, evaluation_games=0, probe_games=2, seed=5, device="cpu", engine="vllm",
)  # fmt: skip


def weights(path):
    *_, last = sorted((path / "checkpoints").glob("update-*"))
    return load_file(last / "weights.safetensors")


def hashes(path):
    with Store(path / "episodes") as store:
        return sorted(row.hash for row in store.rows())


@pytest.mark.parametrize(
    ("method", "config"),
    [(Spiral, SPIRAL), (Spiral, replace(SPIRAL, decoding="free", max_new_tokens=8, illegal="spiral")), (Grpo, GRPO)],
    ids=["spiral", "spiral-free", "grpo"],
)
def test_the_sampler_agrees_with_the_learner_update_after_update(tmp_path, method, config):
    rows = []
    assert Run.start(method, config, tmp_path / "run").run(rows.append)
    learnt = [row for row in rows if "sampler_mismatch" in row]
    assert len(learnt) == 2
    assert all(row["samples"] > 0 for row in learnt)
    assert all(row["grad_norm"] > 0 for row in learnt)
    assert all(row["sampler_mismatch"] < 1e-4 for row in learnt), "exp of it is the ratio: 1"


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    assert Run.start(Spiral, SPIRAL, tmp_path / "whole").run()
    stops = iter((False, True))
    assert not Run.start(Spiral, SPIRAL, tmp_path / "stopped").run(should_stop=lambda: next(stops))
    assert Run.resume(Spiral, tmp_path / "stopped").run()
    assert hashes(tmp_path / "whole") == hashes(tmp_path / "stopped")
    resumed = weights(tmp_path / "stopped")
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, resumed[name]), name


def test_an_engine_that_dies_ends_the_run_which_is_then_resumed(tmp_path, monkeypatch):
    config = replace(SPIRAL, evaluation_games=0, evaluate_every=0)
    run = Run.start(Spiral, config, tmp_path / "run")
    engine, updates = run.model.sampler, []
    step = engine._llm.llm_engine.step

    def dying():
        if updates:
            raise MemoryError("no block of the cache is left")
        return step()

    monkeypatch.setattr(engine._llm.llm_engine, "step", dying)
    with pytest.raises(RuntimeError, match=r"the vLLM engine is lost: .*no block of the cache is left"):
        run.run(updates.append)
    monkeypatch.undo()
    assert Run.resume(Spiral, tmp_path / "run").run()
    with Store(tmp_path / "run" / "episodes") as store:
        assert {row.status for row in store.rows()} == {"ok"}
