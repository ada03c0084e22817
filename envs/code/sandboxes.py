"""The sandbox that all code environments of a process share: made when first needed, closed when the process ends."""

from __future__ import annotations

import atexit
import os
import threading

from sparring.sandbox import Sandbox

_lock = threading.Lock()
_shared: dict[tuple[str, int], Sandbox] = {}
"""By backend and process: a fork must not talk to its parent's workers."""


def shared_sandbox(backend: str = "namespaces") -> Sandbox:
    """The sandbox of this process and backend, one worker a core. Raises what `Sandbox` raises."""
    key = (backend, os.getpid())
    with _lock:
        if key not in _shared:
            _shared[key] = Sandbox(backend, workers=os.cpu_count() or 1)
        return _shared[key]


def close_shared() -> None:
    """Close what this process has opened; the next `shared_sandbox` starts anew."""
    with _lock:
        for key in [key for key in _shared if key[1] == os.getpid()]:
            _shared.pop(key).close()


atexit.register(close_shared)
