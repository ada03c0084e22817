"""The benchmark of the retrieval worlds measures what it says."""

import json
import subprocess
import sys
from pathlib import Path

from sparring.envs.retrieval.worlds import corpus_sha256, load_world

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "retrieval_worlds.py"


def test_a_world_is_measured_and_identified(tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, "-P", SCRIPT, "fiction:size=600", "--questions", "40", "--json", file]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL)
    (row,) = json.loads(file.read_text())
    world = load_world("fiction:size=600")
    assert row["corpus_sha256"] == corpus_sha256(world.passages)
    assert row["passages"] == len(world.passages)
    assert row["supports_among_3"] > 0.95
    assert row["asked_among_10"] < row["rewrites_among_10"]
    assert sum(row["kinds"].values()) == 80
