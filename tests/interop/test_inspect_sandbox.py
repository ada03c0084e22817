"""Our sandbox as inspect_ai's: its own self-check, and samples that run commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState, generate, use_tools
from inspect_ai.tool import bash, python
from inspect_ai.util import SandboxEnvironmentSpec, SandboxUnavailableError, sandbox
from inspect_ai.util._sandbox import self_check

from sparring.interop.inspect_sandbox import Commands, Config

CHECKS = self_check.__all__
CANNOT = {"test_exec_as_user": "has one user"}
"""What our sandbox cannot do, and what it then says."""
pytestmark = pytest.mark.slow


async def opened(config: Config | str | None = None) -> Commands:
    (environment,) = (await Commands.sample_init("task", config, {})).values()
    return environment.as_type(Commands)


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    environment = anyio.run(opened)
    yield environment
    environment.shell.close()


@pytest.mark.parametrize("check", CHECKS)
def test_self_check(check: str, commands: Commands) -> None:
    if check in CANNOT:
        with pytest.raises(Exception, match=CANNOT[check]):
            anyio.run(getattr(self_check, check), commands)
    else:
        anyio.run(getattr(self_check, check), commands)
