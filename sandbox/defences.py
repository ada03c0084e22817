"""The defences of the sandbox as switches. FOR TESTS ONLY: a sandbox with one of them off is open on that side.

`tests/sandbox/test_defences.py` switches one off at a time and sees the probe that it stops succeed: that is how we
know that the attack suite can tell a closed sandbox from an open one. Outside the tests nothing may pass but the
default.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defences:
    """Which defences are on; all of them, except in tests."""

    seccomp: bool = True
    """The system call filter."""
    clear_environ: bool = True
    """The environment of everything inside is empty, PID 1's included."""
    read_only_root: bool = True
    """Nothing of the root file system can be written."""
    network_namespace: bool = True
    """No network but a loopback device of its own."""
    pid_limit: bool = True
    """Processes and threads are counted and bounded."""
    memory_limit: bool = True
    """Memory is bounded."""
    wipe: bool = True
    """The writable places are emptied, and that is verified, after every run."""
    kill_stragglers: bool = True
    """Every process that a run leaves is killed before the next one starts."""
    output_cap: bool = True
    """No more output than the limit is read."""
    signals_ignored: bool = True
    """The server inside ignores every signal."""
    undumpable: bool = True
    """Nobody inside may trace the server or read its memory."""
    sized_tmpfs: bool = True
    """The writable places have a size."""
    drop_capabilities: bool = True
    """No capability is left, in the bounding set either."""
