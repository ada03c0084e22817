"""Inside: what the standard library does after every fork, put off until a program begins.

`random` draws a new seed and `threading` makes its locks anew after each fork: half a millisecond each time process 1
forks, and to no purpose there, since it has one thread and every program is seeded. Programs get the hooks back.
"""

from __future__ import annotations

import os
from typing import Any

_register = os.register_at_fork
_waiting: list[dict[str, Any]] = []


def put_off() -> None:
    """Before the modules that have such hooks are imported."""

    def note(**hooks: Any) -> None:
        _waiting.append(hooks)

    os.register_at_fork = note  # type: ignore[assignment]


def give_back() -> None:
    """In a program's own process: from here on everything is as the standard library wants it."""
    os.register_at_fork = _register
    for hooks in _waiting:
        _register(**hooks)
