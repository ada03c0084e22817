"""verifiers' own `vf-eval` on our plugin, with a model of ours behind our endpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verifiers.v1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "interop" / "verifiers"))


def evaluate(folder: Path, monkeypatch: pytest.MonkeyPatch, *settings: str) -> list[dict[str, Any]]:
    """The episodes that `vf-eval` wrote."""
    from verifiers.v1.cli.eval.main import main

    from sparring.agents.endpoint import serve_model

    monkeypatch.setenv("OUR_KEY", "key")
    with serve_model("nano", token="key") as server:
        endpoint = ["--client.base-url", server.base_url, "--client.api-key-var", "OUR_KEY", "-m", "nano"]
        output = ["--no-push", "--no-rich", "-o", str(folder / "out"), "--sampling.max-tokens", "4"]
        main(["sparring-verifiers", *endpoint, *output, "--env.store", str(folder / "store"), *settings])
    (traces,) = (folder / "out").rglob("traces.jsonl")
    return [json.loads(line) for line in traces.read_text().splitlines()]


@pytest.mark.parametrize("opponent", ["", "random"])
def test_traces_say_what_our_record_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opponent: str) -> None:
    from sparring.store.store import Store

    settings = ["--env.taskset.opponent", opponent] if opponent else []
    played = evaluate(tmp_path, monkeypatch, "-n", "3", "--env.taskset.first-seed", "5", *settings)
    assert sorted(one["task"]["key"] for one in played) == [f"sparring/KuhnPoker-v0/{seed}" for seed in (5, 6, 7)]
    with Store(tmp_path / "store") as store:
        assert len(store) == 3
        for one in played:
            assert one["ok"]
            assert len(one["traces"]) == (1 if opponent else 2)
            for trace in one["traces"]:
                said = trace["info"]["sparring"]
                episode = store.get(said["episode"])
                trajectory = episode.trajectories[said["seat"]]
                assert said["hash"] == episode.hash
                assert trace["rewards"]["payoff"]["score"] == trajectory.reward
                assert said["legal"] + said["illegal"] == len(trajectory.turns)
                shown = [node["message"]["content"] for node in trace["nodes"] if node["message"]["role"] == "user"]
                wrote = [node["message"]["content"].strip() for node in trace["nodes"] if node["sampled"]]
                assert shown == [turn.observation.text for turn in trajectory.turns]
                assert wrote == [turn.notes["reply"] for turn in trajectory.turns]


def test_a_run_that_ends_before_its_game_is_an_error_and_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = ["--env.taskset.env", "sparring/Adventure-v0", "--env.player-0.max-turns", "1"]
    (one,) = evaluate(tmp_path, monkeypatch, "-n", "1", *env)
    assert not one["ok"]
    assert "ended before the game" in one["errors"][0]["message"]
    assert all(not trace["rewards"] and not trace["ok"] for trace in one["traces"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"env": "sparring/Kuhn-v0"}, "KuhnPoker"),
        ({"opponent": "randon"}, "random"),
        ({"seat": "player_2"}, "seat of sparring/KuhnPoker-v0 must be player_0 or player_1"),
        ({"options": {"cards": 3}}, "cards"),
    ],
)
def test_a_config_that_cannot_be_played(given: dict[str, Any], said: str) -> None:
    from sparring_verifiers.taskset import SparringConfig

    with pytest.raises(ValueError, match=said):
        SparringConfig(**given)
