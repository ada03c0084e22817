"""OpenEnv's own client and its own validation, against `sparring serve`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparring import Store
from sparring.scoreboard.verify import verify

pytest.importorskip("openenv")
from openenv.core.generic_client import GenericEnvClient

pytestmark = pytest.mark.slow
ENVIRONMENTS = ("KuhnPoker", "Adventure", "Search")


def test_the_generic_client_plays_three_families(serving: Any, tmp_path: Path) -> None:
    with serving(",".join(ENVIRONMENTS), "--store", str(tmp_path / "store")) as address:
        for name in ENVIRONMENTS:
            with GenericEnvClient(base_url=f"{address}/{name}").sync() as env:
                told = env.reset(seed=7)
                while not told.done:
                    legal = told.metadata["legal_actions"] or ["<give_up/>"]
                    told = env.step({"action": legal[-1]})
                assert told.observation["text"]
                assert told.metadata["stop_reason"]
                assert env.state()["step_count"] > 0
                with pytest.raises(RuntimeError, match="the episode is over"):
                    env.step({"action": "anything"})
    with Store(tmp_path / "store") as kept:
        assert len(kept) == len(ENVIRONMENTS)
        assert not verify(kept).faults


def test_its_validation_passes(serving: Any) -> None:
    with serving(",".join(ENVIRONMENTS)) as address:
        for name in ("", *ENVIRONMENTS):
            command = [str(Path(sys.executable).parent / "openenv"), "validate", "--url", f"{address}/{name}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout
            assert "Verdict: PASS" in done.stdout
