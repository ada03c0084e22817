"""The benchmarks of the robot simulators measure what they say, and do not measure twice what stands in their file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
