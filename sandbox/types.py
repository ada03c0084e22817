"""What goes into a sandbox and what comes out: limits, outcomes, and whose fault it was."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Status = Literal[
    "ok", "nonzero", "signal", "timeout", "memory", "output_limit", "refused", "setup_error", "sandbox_died"
]
MAX_CODE_BYTES = 8 * 2**20
MAX_FILES = 4096
MIB = 2**20


class SandboxError(RuntimeError):
    """The sandbox failed, not the program in it."""

    fault_kind = "sandbox"
    """What an episode that it breaks off says."""


class SandboxUnavailable(SandboxError):
    """This machine cannot isolate a program as asked; the message says what is missing and what to install."""


class SessionEnded(SandboxError):
    """The session's interpreter is gone: closed, or ended by what it called."""


class ToolError(Exception):
    """Raised by a host function to fail inside the program, as RuntimeError with this text."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use."""

    wall_seconds: float = 10.0
    """Time on the clock; what a host function takes is not counted."""
    cpu_seconds: float = 10.0
    """Processor time of each of its processes."""
    memory_bytes: int = 256 * MIB
    """Of all its processes and files together where there is a cgroup, else of each process."""
    processes: int = 32
    """Processes and threads at one time."""
    output_bytes: int = MIB
    """Of standard output, and as much of standard error."""
    file_bytes: int = 64 * MIB
    """All that it can write, and the largest single file."""
    open_files: int = 128
    """File descriptors of each process."""
    host_calls: int = 100
    """Calls of host functions."""

    def __post_init__(self) -> None:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        most = {
            "wall_seconds": 86_400,
            "cpu_seconds": 86_400,
            "memory_bytes": machine,
            "processes": 4096,
            "output_bytes": 64 * MIB,
            "file_bytes": machine,
            "open_files": 4096,
            "host_calls": 1_000_000,
        }
        least = {"memory_bytes": 32 * MIB, "file_bytes": 4096, "open_files": 16, "host_calls": 0, "wall_seconds": 0.01}
        for item in fields(self):
            value, low = getattr(self, item.name), least.get(item.name, 1 if item.type == "int" else 0.1)
            if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= most[item.name]:
                raise ValueError(f"{item.name} must be between {low} and {most[item.name]}, got {value!r}")

    def resources(self, session: bool, cgroup: bool) -> dict[str, tuple[int, int]]:
        """Resource limits of a program's process: name -> (soft, hard).

        Processes are left to the cgroup where there is one: the kernel counts this limit per user, and all containers
        of an engine have the same.
        """
        cpu = math.ceil(self.cpu_seconds)
        bounds = {
            "RLIMIT_CPU": (cpu, resource.RLIM_INFINITY if session else cpu + 1),
            "RLIMIT_FSIZE": (self.file_bytes, self.file_bytes),
            "RLIMIT_NOFILE": (self.open_files, self.open_files),
            "RLIMIT_CORE": (0, 0),
        }
        if cgroup:
            memory = max(2**30, 4 * self.memory_bytes)
            return {**bounds, "RLIMIT_AS": (memory, memory)}
        data, processes = self.memory_bytes + 64 * MIB, self.processes + 1
        return {**bounds, "RLIMIT_DATA": (data, data), "RLIMIT_NPROC": (processes, processes)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended. The last two statuses are ours and say nothing about the program."""

    status: Status
    exit_code: int | None = None
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    """Time on the clock, from its first instruction to its last."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Regular files that were asked for and were there."""
    error: str = ""
    """What the sandbox has to say: a file that it would not read, or what went wrong on our side."""

    @property
    def ok(self) -> bool:
        """The program ran to its end with exit code 0. It says nothing about its being right."""
        return self.status == "ok"

    @property
    def is_ours(self) -> bool:
        """A fault of the sandbox: never to be scored as the program's."""
        return self.status in ("setup_error", "sandbox_died")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of a function inside came to."""

    outcome: Outcome
    value: Any = None
    """Plain, of exact built-in types; meaningful where `outcome.ok`."""
