"""The backends that a sandbox can be built on, by name."""

from __future__ import annotations

import difflib
from typing import Literal, Protocol, get_args

from sparring.sandbox.defences import Defences
from sparring.sandbox.types import Limits
from sparring.sandbox.worker import Worker

BackendName = Literal["namespaces", "docker", "process"]
BACKENDS: tuple[BackendName, ...] = get_args(BackendName)


class Backend(Protocol):
    """Starts workers of one kind."""

    def start(self) -> Worker:
        """A running sandbox. Raises SandboxUnavailable."""
        ...

    def strength(self) -> str:
        """What stands between a program and this machine, in words."""
        ...

    def close(self) -> None:
        """Release what the backend holds itself; workers are ended by their owners."""
        ...


def make_backend(name: str, limits: Limits, packages: tuple[str, ...], defences: Defences) -> Backend:
    """A backend by name. Raises ValueError for an unknown one."""
    if name == "namespaces":
        from sparring.sandbox.backends.namespaces import Namespaces

        return Namespaces(limits, packages, defences)
    if name == "docker":
        from sparring.sandbox.backends.docker import Engine

        return Engine(limits, packages, defences)
    if name == "process":
        from sparring.sandbox.backends.process import Processes

        return Processes(limits, packages, defences)
    nearest = difflib.get_close_matches(name, BACKENDS, 1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {name!r}{hint}")
