"""What may stand in the headers that the host, process 1 and the interpreters of a session send each other.

Only type checkers read this module: one that is loaded inside would make every fork dearer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Required, TypeAlias, TypedDict


class Options(TypedDict):
    """What process 1 is told once, when it starts."""

    wipe: bool
    kill: bool
    signals_ignored: bool
    undumpable: bool
    path: list[str]


class ProgramLimits(TypedDict, total=False):
    """What process 1 needs to know of `Limits`."""

    wall_seconds: float
    output_bytes: int
    file_bytes: int
    resources: Required[Sequence[tuple[int, tuple[int, int]]]]
    """(resource, (soft, hard)), as `setrlimit` wants it."""


class Order(TypedDict, total=False):
    """From the host, whom process 1 trusts. Which keys there are depends on `op`."""

    op: Required[str]
    """run; open, cell, call, drop, put, get, reset; and on what a program said: reply, ended, malformed."""
    limits: ProgramLimits
    """Only where they are others than before."""
    seed: int
    host: list[str]
    """The names of the host's functions."""
    sizes: list[int]
    """Of the program, its arguments, its standard input, and each file."""
    files: list[str]
    collect: list[str]
    keep: bool
    """What the program writes stays for the next one."""
    interpreter: int
    branch: bool
    replace: bool
    cpu_seconds: float
    function: str
    path: str
    failed: bool
    memory: bool


class Request(TypedDict, total=False):
    """From process 1 to an interpreter."""

    op: Required[str]
    """fork, tidy, reap, cell, call."""
    branch: bool
    place: str
    pid: int
    cpu_seconds: float
    function: str


Report: TypeAlias = tuple[dict[str, object], Sequence[bytes | memoryview]]
"""A header for the host, and the parts of the body behind it."""
Ask: TypeAlias = Callable[[memoryview], tuple[Order, memoryview]]
"""Hands the host what a program said; brings back what the host makes of it, and the reply for the program, unread."""
