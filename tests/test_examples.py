"""The examples run as their first lines say, and what they print is what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
pytestmark = pytest.mark.slow


def printed(folder: Path, name: str, *words: object) -> str:
    command = [sys.executable, "-P", str(EXAMPLES / name), *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ppo_learns_to_beat_a_random_opponent(tmp_path: Path) -> None:
    said = printed(tmp_path, "ppo.py", "--steps", 8000)
    assert float(re.findall(r"after training: ([+-][\d.]+) a game", said)[0]) > 0.3  # random play earns 0.125


def test_self_play_comes_closer_to_an_equilibrium(tmp_path: Path) -> None:
    said = printed(tmp_path, "self_play.py", "--updates", 40)
    assert float(re.findall(r"update 40: NashConv ([\d.]+)", said)[0]) < 0.6  # uniform play has 0.917


def test_a_folder_of_programs_is_graded(tmp_path: Path) -> None:
    said = printed(tmp_path, "grade_folder.py", EXAMPLES / "programs")
    passed = dict(re.findall(r"^(\S+)\s+(\d) of 4", said, re.MULTILINE))
    assert passed == {"endless.py": "0", "escaping.py": "0", "right.py": "4", "wrong.py": "3"}
    assert "timeout" in said


def test_a_leaderboard_of_six_agents_has_a_page_and_goes_on(tmp_path: Path) -> None:
    first = printed(tmp_path, "leaderboard.py", "--rounds", 10)
    assert {line.split()[1] for line in first.splitlines() if " %  " in line and line[:1].isdigit()} == {
        "cfr",
        "random",
        "constant:bet/call",
        "constant:check/fold",
        "nano",
        "nano:temperature=0.25",
    }
    assert "every number and letter is what these episodes give" in " ".join(first.split())
    page = (tmp_path / "six-agents.html").read_text()
    assert "constant:<wbr>check/fold" in page
    again = printed(tmp_path, "leaderboard.py", "--rounds", 10)
    assert "500 of these games were in six-agents already" in again


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "save the notebook without outputs"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = "".join(output.get("text", "") for output in outputs)
    assert "Legal actions: [check] [bet]" in said
    assert re.search(r"generated: 1 tokens\n +(bet|check) +probability 0\.\d+\n", said)
    assert dict(re.findall(r"^(\S+) +(\d\.\d{4})$", said, re.MULTILINE))["random"] == "0.9167"
    assert re.findall(r"^.+ (ok|nonzero|timeout) ", said, re.MULTILINE) == ["ok", "nonzero", "timeout"]
    (standings,) = (output.data["text/html"] for output in outputs if "text/html" in output.get("data", {}))
    assert standings.count("<tr>") == 5


def test_no_example_writes_into_a_store_that_the_readme_uses_for_other_agents() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text()
    assert re.findall(r"--store (\S+)", readme) == ["cup"]
    for file in EXAMPLES.glob("*.py"):
        assert '"cup"' not in file.read_text()


def test_every_example_says_how_it_is_called() -> None:
    for file in EXAMPLES.glob("*.py"):
        assert f"\npython examples/{file.name}" in file.read_text()
