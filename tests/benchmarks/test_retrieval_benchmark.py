"""The retrieval benchmark measures what it says, and its engines find the passages that the queries were made from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "retrieval.py"


@pytest.mark.slow
def test_every_engine_is_built_and_asked_and_finds_the_passages(tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, "-P", SCRIPT, "--passages", "1500", "--queries", "60", "--json", file]
    subprocess.run(command, check=True, timeout=300, stdout=subprocess.DEVNULL)
    figures = json.loads(file.read_text())
    rows = {row["engine"]: row for row in figures["rows"]}
    assert set(rows) == {"bm25s, numpy", "bm25s, numba", "tantivy", "SQLite FTS5", "rank-bm25"}
    assert all(row["found"] == 1 for row in rows.values())
    assert rows["bm25s, numba"]["overlap"] == rows["bm25s, numpy"]["overlap"] == 1
    assert all(0.5 < row["overlap"] <= 1 for row in rows.values())
    assert all(row["queries"] == 60 for row in rows.values())
    assert all(row[name] > 0 for row in rows.values() for name in ("build_cpu_seconds", "disk_mb", "build_peak_mb"))
