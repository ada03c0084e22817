"""The benchmarks of the robot simulators measure what they say, and do not measure twice what stands in their file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sparring.trainers.robot.verifying import VerifierConfig, train_verifier

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script, *arguments):
    command = [sys.executable, "-P", BENCHMARKS / script, *map(str, arguments)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)


@pytest.mark.slow
def test_meta_world_is_measured_and_resumed(tmp_path):
    pytest.importorskip("metaworld", reason="needs the extra metaworld")
    file = tmp_path / "figures.json"
    run("robot_metaworld.py", "--tasks", "reach", "--episodes", 1, "--json", file)
    first = json.loads(file.read_text())
    assert [(row["task"], row["seed"], row["success"]) for row in first["rows"]] == [("reach", 0, True)]
    first["rows"][0]["steps"] = -1
    file.write_text(json.dumps(first))
    run("robot_metaworld.py", "--tasks", "reach", "window-open", "--episodes", 1, "--json", file)
    rows = json.loads(file.read_text())["rows"]
    assert [(row["task"], row["steps"] > 0) for row in rows] == [("reach", False), ("window-open", True)]


@pytest.mark.slow
def test_libero_is_measured_in_both_arms(tmp_path):
    pytest.importorskip("libero", reason="needs the extra libero")
    file = tmp_path / "figures.json"
    run("robot_libero.py", "--suite", "libero_object", "--tasks", 0, "--inits", 1, "--json", file)
    rows = json.loads(file.read_text())["rows"]
    assert [row["arm"] for row in rows] == ["one try", "verified, 3 retries"]
    assert all(row["success"] and row["at_cap"] and 50 < row["steps"] < 280 for row in rows)


@pytest.mark.slow
def test_verifiers_are_measured_on_the_same_seeds(tmp_path):
    file = tmp_path / "figures.json"
    verifier = tmp_path / "verifier.json"
    train_verifier(VerifierConfig(episodes=60, choosing=5)).write(verifier)
    run("robot_verifiers.py", "--model", "nano", "--verifier", verifier, "--zero-shot-seeds", 3, "--seeds", 12,
        "--json", file)  # fmt: skip
    rows = {row["arm"]: row for row in json.loads(file.read_text())["rows"]}
    assert {arm: row["success"]["n"] for arm, row in rows.items()} == {
        "zero-shot": 3, "untrained thresholds": 12, "trained": 12, "oracle": 12,
    }  # fmt: skip
    assert rows["zero-shot"]["difference"] is None
    assert {rows[arm]["difference"]["n"] for arm in ("untrained thresholds", "trained", "oracle")} <= {3, 6}
    assert rows["oracle"]["precision"]["value"] == rows["oracle"]["recall"]["value"] == 1
    assert rows["zero-shot"]["precision"]["value"] < 1
    assert rows["oracle"]["steps"] < rows["untrained thresholds"]["steps"]
