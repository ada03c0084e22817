"""Every block of docs/rl_code.md runs as it stands there, and trains what can choose a legal kind of action."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rl_code.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
ASK = """
import sparring

env = sparring.make("sparring/TicTacToe-v0", view=globals().get("VIEW", "discrete"))
env.reset(seed=0)
print("chosen:", repr(choose(env.observe("player_0"))))
"""


@pytest.mark.parametrize("block", BLOCKS, ids=[re.findall(r"import (\w+)\n", block)[-1] for block in BLOCKS])
def test_a_block_of_the_page_runs_as_it_stands_there(block: str, tmp_path: Path) -> None:
    is_trainer = "def choose" in block
    script = tmp_path / "copied.py"
    script.write_text(block + (ASK if is_trainer else ""))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, script.name]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block}\nfails with\n{done.stderr}"
    if is_trainer:
        assert re.search(r"^chosen: ([0-8]|'.*')$", done.stdout, re.MULTILINE), done.stdout


def test_the_page_has_a_block_for_every_library() -> None:
    libraries = "stable_baselines3 sb3_contrib make_vec tianshou torchrl ray.rllib open_spiel trl"
    assert [name for name in libraries.split() if not any(name in block for block in BLOCKS)] == []
