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


def calls(*asked: tuple[str, dict[str, Any]]) -> Any:
    """A model that calls these tools, one a message, and then answers."""
    outputs = [ModelOutput.for_tool_call("mockllm/model", name, arguments) for name, arguments in asked]
    outputs.append(ModelOutput.from_content("mockllm/model", "done"))
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return get_model("mockllm/model", custom_outputs=outputs, memoize=False)


@scorer(metrics=[accuracy()])
def answer_is_in_the_file() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        found = await sandbox().exec(["python3", "check.py"])
        return Score(value=found.stdout.strip() == target.text, answer=found.stdout)

    return score


def ran(task: Task, folder: Path, model: Any, **given: Any) -> Any:
    (log,) = evaluate(task, model=model, log_dir=str(folder), display="none", score_display=False, **given)
    return log


def test_a_model_works_in_a_sample_with_files_and_a_setup(tmp_path: Path) -> None:
    sample = Sample(
        "Add up the numbers.",
        target="42",
        files={"data/numbers.txt": "40\n2\n", "check.py": "print(open('/tmp/answer').read())"},
        setup="#!/usr/bin/env bash\ntr '\\n' ' ' < data/numbers.txt > line.txt\n",
    )
    work = [use_tools(bash(), python()), generate()]
    task = Task([sample], solver=work, scorer=answer_is_in_the_file(), sandbox="sparring")
    code = "print(sum(map(int, open('line.txt').read().split())))"
    model = calls(
        ("python", {"code": code}),
        ("bash", {"command": f'python3 -c "{code}" > /tmp/answer; cat line.txt'}),
    )
    log = ran(task, tmp_path, model)
    assert log.status == "success", log.error
    said = [message.text.strip() for message in log.samples[0].messages if message.role == "tool"]
    assert said == ["42", "40 2"]
    assert log.samples[0].scores["answer_is_in_the_file"].value is True


@pytest.mark.parametrize("how", ["file", "model"])
def test_a_config_sets_the_limits(how: str, tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text('{"processes": 3}')
    spec: Any = ("sparring", str(file)) if how == "file" else SandboxEnvironmentSpec("sparring", Config(processes=3))
    task = Task([Sample("go")], solver=[use_tools(bash()), generate()], sandbox=spec)
    command = "for i in 1 2 3 4 5; do sleep 1 & done; wait"
    log = ran(task, tmp_path, calls(("bash", {"command": command})))
    assert log.status == "success", log.error
    (said,) = [message.text for message in log.samples[0].messages if message.role == "tool"]
    assert "fork" in said


@pytest.mark.parametrize(
    ("text", "why"),
    [('{"memory": 1}', "memory"), ('{"processes": 0}', "processes must be between"), ("{", "Invalid JSON")],
)
def test_a_config_that_is_none(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=why):
        anyio.run(opened, str(file))


def test_samples_share_nothing_and_leave_nothing() -> None:
    async def two() -> None:
        first, second = await opened(), await opened()
        await first.write_file("secret", "1")
        with pytest.raises(FileNotFoundError):
            await second.read_file("secret")
        for environment in (first, second):
            await Commands.sample_cleanup("task", None, {"default": environment}, True)
        with pytest.raises(SandboxUnavailableError, match="it was closed"):
            await first.exec(["ls"])

    anyio.run(two)


def test_a_command_that_is_cancelled_is_ended_and_its_files_stay(commands: Commands) -> None:
    async def cancelled() -> None:
        with anyio.move_on_after(0.5) as scope:
            await commands.exec(["sh", "-c", "echo 1 > kept; sleep 50 & sleep 50"])
        assert scope.cancelled_caught
        with anyio.fail_after(20):
            assert (await commands.exec(["sh", "-c", "cat kept; ps -e | grep sleep"])).stdout == "1\n"

    anyio.run(cancelled)


def test_a_scorer_finds_the_files_of_a_sample_that_met_its_time_limit(tmp_path: Path) -> None:
    sample = Sample("go", target="42", files={"check.py": "print(open('/tmp/answer').read())"})
    work = [use_tools(bash()), generate()]
    task = Task([sample], solver=work, scorer=answer_is_in_the_file(), sandbox="sparring", time_limit=2)
    log = ran(task, tmp_path, calls(("bash", {"command": "echo 42 > /tmp/answer; sleep 50"})))
    assert log.status == "success", log.error
    assert log.samples[0].limit.type == "time"
    assert log.samples[0].scores["answer_is_in_the_file"].value is True
