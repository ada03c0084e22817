"""The circle: an unmodified agent of OpenAI's SDK plays, is stored and verified, and what it did is learnt."""

import math
import shlex
import sys
from pathlib import Path

import pytest
import torch

from sparring import registry, verify
from sparring.agents import models
from sparring.agents.programs import ProgramAgent
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.store.run_files import metrics_of
from sparring.store.store import Store
from sparring.trainers.batch import signals_of
from sparring.trainers.data.export import export_rows
from sparring.trainers.data.guards import trained
from sparring.trainers.learner import Learner, LearnerConfig

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "openai_agent.py"
pytestmark = pytest.mark.slow


def games(folder, model):
    """The ids of six games of the example against chance, which are stored there."""
    agents = {
        "player_0": ProgramAgent(f"{sys.executable} {shlex.quote(str(EXAMPLE))}", model, trainable=True, name="theirs"),
        "player_1": registry.make_agent("random"),
    }
    matches = [Match(f"e{seed}", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed) for seed in range(6)]
    with Store(folder, "a") as store:
        store.append(play(matches, agents))
        assert verify(store).ok
    return [match.id for match in matches]


def test_an_agent_that_knows_nothing_of_us_plays_and_is_learnt_from(tmp_path):
    model = models.load_trainable("nano", device="cpu")
    ids = games(tmp_path / "store", model)
    with Store(tmp_path / "store") as store:
        episodes = list(store.get_many(ids).values())
    assert {episode.status for episode in episodes} == {"ok"}, [episode.error for episode in episodes]

    own = [trajectory for _, trajectory in trained(episodes)]
    assert len(own) == 6
    assert all(len(samples(one)) == 1 for one in own), "an episode is one conversation"
    assert any(len(one.turns) > 1 for one in own)
    count, _ = export_rows(tmp_path / "store", "sft", tmp_path / "rows.jsonl")
    assert count == sum(one.reward > 0 for one in own)

    before = [parameter.detach().clone() for parameter in model.module.parameters()]
    signals = [signal for one in own for signal in signals_of(one, advantage=one.reward)]
    measured = Learner(model, LearnerConfig(learning_rate=1e-4)).step(signals)
    assert math.isfinite(measured["loss"])
    assert measured["sampler_mismatch"] < 1e-3, "the tokens and log-probabilities are those that were sampled"
    assert any(not torch.equal(old, new) for old, new in zip(before, model.module.parameters(), strict=True))


def test_an_adventure_of_several_turns_is_one_sample():
    agent = ProgramAgent(f"{sys.executable} {shlex.quote(str(EXAMPLE))}", "nano", trainable=True)
    (episode,) = play([Match("a", "sparring/Adventure-v0", {"player_0": "me"}, 1, max_steps=4)], {"me": agent})
    assert episode.status == "truncated", episode.error
    trajectory = episode.trajectories["player_0"]
    assert [call.continues for _, call in trajectory.calls] == [None, "0.0", "1.0", "2.0"]
    (sample,) = samples(trajectory)
    assert len(sample.segments) == 8
    assert all(len(turn.notes) == 0 for turn in trajectory.turns)


def test_a_method_learns_from_the_store_of_its_games(tmp_path, capsys):
    games(tmp_path / "store", models.load_shared("nano"))
    words = ["--from", tmp_path / "store", "--expert", "theirs", "--run", tmp_path / "run", "--steps", 1, "--json"]
    assert main(["train", "imitate", "--device", "cpu", *map(str, words)]) == 0
    (row,) = [row for row in metrics_of(tmp_path / "run") if "loss" in row]
    assert math.isfinite(row["loss"])
    assert row["grad_norm"] > 0
