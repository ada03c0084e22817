"""Exports against the targets' own classes, where these are installed: they ask for environments of their own."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from sparring.exports.exporting import export
from sparring.exports.formats import FORMATS
from sparring.exports.selection import Selection
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.store.store import Store

GAME = "sparring/KuhnPoker-v0"


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of games of nano against itself and against an agent that is no model."""
    folder = tmp_path_factory.mktemp("games") / "store"
    pairs = [("nano", "nano"), ("nano", "random")]
    matches = [
        Match(f"g/{n}/{other}", GAME, {"player_0": one, "player_1": other}, n) for n in range(8) for one, other in pairs
    ]
    with Store(folder, "a") as store:
        store.append(play(matches))
    return folder


def lines(games: Path, name: str, output: Path) -> list[str]:
    with Store(games) as store:
        export(Selection(store, agent="nano"), FORMATS[name], output)
    return output.read_text().splitlines()


def test_openenv_validates_every_trace(games: Path, tmp_path: Path) -> None:
    training = pytest.importorskip("openenv.core.harness.training")
    rows = [json.loads(line) for line in lines(games, "training-trace", tmp_path / "out")]
    assert len(rows) == 24
    for row in rows:
        trace = training.TrainingTrace.model_validate(row["trace"])
        assert [turn.node_id for turn in trace.turns] == [turn["node_id"] for turn in row["trace"]["turns"]]
        assert all(sum(turn.loss_mask) > 0 for turn in trace.turns)


def test_trl_takes_the_turns_of_a_trace(games: Path, tmp_path: Path) -> None:
    training = pytest.importorskip("openenv.core.harness.training")
    harness = pytest.importorskip("trl.experimental.async_grpo.openenv_harness")
    for line in lines(games, "training-trace", tmp_path / "out"):
        trace = json.loads(line)["trace"]
        records = harness._turns_from_training_trace(training.TrainingTrace.model_validate(trace))
        for ours, theirs in zip(trace["turns"], records, strict=True):
            assert (theirs.prompt_ids, theirs.output_ids) == (ours["prompt_token_ids"], ours["completion_token_ids"])
            assert theirs.output_log_probs == ours["per_token_logps"]
            assert theirs.output_mask == ours["loss_mask"][len(theirs.prompt_ids) :]


def test_verifiers_reads_every_episode_and_its_branches_are_our_samples(games: Path, tmp_path: Path) -> None:
    theirs = pytest.importorskip("verifiers.v1.episode")
    with Store(games) as store:
        for line, ours in zip(lines(games, "verifiers", tmp_path / "out"), store, strict=True):
            episode = theirs.WireEpisode.model_validate_json(line)
            assert episode.ok
            assert {trace.agent.name: trace.reward for trace in episode.traces} == {
                seat: trajectory.reward for seat, trajectory in ours.trajectories.items()
            }
            for trace in episode.traces:
                recorded = samples(ours.trajectories[trace.agent.name])
                branches = [branch for branch in trace.branches if branch.token_ids]
                assert len(branches) == len(recorded)
                for branch, sample in zip(branches, recorded, strict=True):
                    tokens = [token for segment in sample.segments for token in segment.token_ids]
                    chosen = [one for segment in sample.segments for one in segment.logprobs or ()]
                    assert branch.token_ids == tokens
                    assert len(branch.sampled_mask) == len(branch.logprobs) == len(tokens)
                    spread = [x for x, mask in zip(branch.logprobs, branch.sampled_mask, strict=True) if mask]
                    assert spread == chosen


def test_verifiers_loads_the_file_of_a_run(games: Path, tmp_path: Path) -> None:
    store = pytest.importorskip("verifiers.v1.utils.trace_store")
    trace = pytest.importorskip("verifiers.v1.trace")
    lines(games, "verifiers", tmp_path / store.TRACES_FILE)
    episodes = store.read_episodes(tmp_path, trace.WireTrace)
    assert len(episodes) == 16
    assert all(math.isfinite(one.reward) for episode in episodes for one in episode.traces)


def test_harbor_validates_every_trajectory(games: Path, tmp_path: Path) -> None:
    harbor = pytest.importorskip("harbor.models.trajectories.trajectory")
    for line in lines(games, "atif", tmp_path / "out"):
        assert harbor.Trajectory.model_validate_json(line).schema_version == "ATIF-v1.7"
