"""The kinds of isolation that a sandbox can be built on, by name."""

from __future__ import annotations

import difflib
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from sparring.sandbox.defences import Defences
from sparring.sandbox.types import Limits
from sparring.sandbox.worker import Worker

TIERS = ("namespaces", "docker", "process")


class Tier(Protocol):
    """Starts workers of one kind."""

    def start(self) -> Worker:
        """A running sandbox. Raises SandboxUnavailable."""
        ...

    def strength(self) -> str:
        """What stands between a program and this machine, in words."""
        ...

    def close(self) -> None:
        """Release what the tier holds itself; workers are ended by their owners."""
        ...


class Namespaces:
    """bubblewrap."""

    def __init__(self, limits: Limits, packages: tuple[str, ...], defences: Defences) -> None:
        self.limits, self.packages, self.defences = limits, packages, defences

    def start(self) -> Worker:
        """A running sandbox. Raises SandboxUnavailable."""
        from sparring.sandbox import namespaces

        return _starter().submit(namespaces.start, self.limits, self.packages, self.defences).result()

    def strength(self) -> str:
        """The rung of the ladder, and what it consists of."""
        from sparring.sandbox import namespaces

        return namespaces.strength(self.defences)

    def close(self) -> None:
        """Nothing is held."""


@functools.cache
def _starter() -> ThreadPoolExecutor:
    """The one thread that starts workers. bubblewrap ends with the thread that started it, and callers' threads come
    and go."""
    return ThreadPoolExecutor(1, "sandbox")


def tier(name: str, limits: Limits, packages: tuple[str, ...], defences: Defences) -> Tier:
    """A tier by name. Raises ValueError for an unknown one."""
    if name == "namespaces":
        return Namespaces(limits, packages, defences)
    if name == "docker":
        from sparring.sandbox.docker import Engine

        return Engine(limits, packages, defences)
    if name == "process":
        from sparring.sandbox.process import Processes

        return Processes(limits, packages, defences)
    nearest = difflib.get_close_matches(name, TIERS, 1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"backend must be one of {', '.join(TIERS)}, got {name!r}{hint}")
