"""Every block of docs/interop.md runs as it stands there, against `sparring serve`."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "interop.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
LIBRARY = re.compile(r"^(?:from|import) (openenv|trl|agentenv|inspect_ai|skyrl_gym|verifiers|openai)\b", re.MULTILINE)
pytestmark = pytest.mark.slow


def library(block: str) -> str:
    """The foreign library that a block uses."""
    found = LIBRARY.search(block)
    return found[1] if found else ""


@pytest.fixture(scope="module")
def address(serving: Any) -> Iterator[str]:
    with serving("KuhnPoker,Adventure,Search") as started:
        yield started


@pytest.mark.parametrize("block", BLOCKS, ids=[library(block) or "ours" for block in BLOCKS])
def test_a_block_of_the_page_runs_as_it_stands_there(block: str, address: str, tmp_path: Path) -> None:
    name = library(block)
    if name and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed here")
    script = tmp_path / "copied.py"
    script.write_text(block.replace(ADDRESS, address))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block}\nfails with\n{done.stderr}"
