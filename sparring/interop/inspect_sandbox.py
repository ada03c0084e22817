"""Our sandbox as one of inspect_ai's (0.3.285): `sandbox="sparring"`.

A sample has a `Shell` of its own: no network, files that stay until the sample ends, and for every command a process of
its own, of which nothing is left when it ends.
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from anyio import Lock, get_cancelled_exc_class, to_thread
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentLimits,
    SandboxUserUnsupportedError,
    sandboxenv,
)
from inspect_ai.util import SandboxUnavailableError as Unavailable
from pydantic import BaseModel, ConfigDict

from sparring.sandbox import Limits, Outcome, SessionEnded, Shell
from sparring.sandbox.types import MIB

USERS = (None, "sandbox", "1000")
"""Who a command may run as: there is one user."""
MOST_OUTPUT = 64 * MIB
MOST_SECONDS = 86_400.0
NOT_STARTED = 126
T = TypeVar("T")


class Config(BaseModel):
    """What `sandbox=("sparring", FILE)` may hold, as JSON, and `SandboxEnvironmentSpec("sparring", Config(...))`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    packages: tuple[str, ...] = ()
    """Installed distributions that Python inside may import besides the standard library."""
    wall_seconds: float = 3600.0
    """Of a command that is given no timeout."""
    memory_bytes: int = 1024 * MIB
    """Of all processes and files of a sample together where there is a cgroup, else of each process."""
    processes: int = 128
    """Processes and threads at one time."""
    file_bytes: int = 512 * MIB
    """All that a sample can write, standard input of a command included."""
    open_files: int = 1024
    """File descriptors of each process."""

    def limits(self) -> Limits:
        """As our sandbox takes them. Raises ValueError for limits that this machine cannot give."""
        wall = self.wall_seconds
        return Limits(wall, wall, self.memory_bytes, self.processes, file_bytes=self.file_bytes,
                      open_files=self.open_files)  # fmt: skip


@sandboxenv(name="sparring")
class Commands(SandboxEnvironment):
    """One sample's sandbox."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self.shell, self._turn = shell, Lock()

    @classmethod
    def default_concurrency(cls) -> int | None:
        """Samples at one time."""
        return 2 * (os.cpu_count() or 1)

    @classmethod
    async def task_init(cls, task_name: str, config: BaseModel | str | None) -> None:
        """See before the first sample whether this machine can do it. Raises SandboxUnavailable, ValueError."""
        (await to_thread.run_sync(_open, config)).close()

    @classmethod
    async def sample_init(
        cls, task_name: str, config: BaseModel | str | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """A new sandbox. Raises SandboxUnavailable, ValueError."""
        return {"default": cls(await to_thread.run_sync(_open, config))}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: BaseModel | str | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """End a sample's sandbox, with all files in it, whatever became of the sample."""
        for environment in environments.values():
            environment.as_type(Commands).shell.close()

    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        """A config out of a log."""
        return Config.model_validate(config)

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command. Nothing is ever tried twice, and commands of one sample run one after another.

        Raises TimeoutError, PermissionError, OutputLimitExceededError, SandboxUserUnsupportedError,
        SandboxUnavailableError as inspect asks; ValueError for what no command could be given.
        """
        if user not in USERS:
            raise SandboxUserUnsupportedError(f"sandbox 'sparring' has one user, 'sandbox', got {user!r}")
        most = min(MOST_OUTPUT, SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE)
        limits = dataclasses.replace(self.shell.limits, output_bytes=most)
        if timeout is not None:
            seconds = min(max(0.1, timeout), MOST_SECONDS)
            limits = dataclasses.replace(limits, wall_seconds=seconds, cpu_seconds=seconds)
        stdin = input.encode() if isinstance(input, str) else input or b""
        outcome = await self._in_thread(
            lambda: self.shell.run(cmd, stdin=stdin, env=env or {}, cwd=cwd or "", limits=limits)
        )
        return _result(cmd, outcome, limits.wall_seconds)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file and the folders that it needs. Raises PermissionError, IsADirectoryError, OSError."""
        data = contents.encode() if isinstance(contents, str) else contents
        await self._in_thread(lambda: self.shell.write(file, data))

    async def read_file(self, file: str, text: bool = True) -> Any:
        """A file's text or bytes. Raises FileNotFoundError, PermissionError, IsADirectoryError, UnicodeDecodeError,
        OutputLimitExceededError."""
        most = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        try:
            data = await self._in_thread(lambda: self.shell.read(file, most))
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None) from None
            raise
        return data.decode() if text else data

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Wait for the shell in a thread. A command that is cancelled is ended."""
        async with self._turn:
            try:
                return await to_thread.run_sync(call, abandon_on_cancel=True)
            except get_cancelled_exc_class():
                self.shell.interrupt()
                raise
            except SessionEnded as error:
                raise Unavailable(str(error)) from error


def _open(config: BaseModel | str | None) -> Shell:
    if isinstance(config, str):
        config = Config.model_validate_json(Path(config).read_text())
    if config is None:
        config = Config()
    if not isinstance(config, Config):
        raise ValueError(f"the config of sandbox 'sparring' must be a Config or a JSON file of one, got {config!r}")
    return Shell(limits=config.limits(), packages=config.packages)


def _result(command: list[str], outcome: Outcome, seconds: float) -> ExecResult[str]:
    """An outcome as inspect wants it. Raises TimeoutError, PermissionError, OutputLimitExceededError."""
    if outcome.status == "timeout":
        raise TimeoutError(f"{command[0]} took more than {seconds:g} seconds")
    if outcome.status == "output_limit":
        raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE_STR, outcome.stdout)
    if outcome.exit_code == NOT_STARTED and "permission denied" in outcome.stderr.casefold():
        raise PermissionError(outcome.stderr.strip())
    code, stderr = outcome.exit_code, outcome.stderr
    if outcome.status == "memory":
        code, stderr = 128 + 9, f"{stderr}the sandbox's memory was used up\n"
    elif code is None:
        code = 128 + (outcome.signal or 0)
    return ExecResult(outcome.ok, code, outcome.stdout, stderr)


__all__ = ["Commands", "Config"]
