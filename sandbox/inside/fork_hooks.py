"""Inside: what the standard library does after every fork, put off until a program begins.

`random` draws a new seed and `threading` makes its locks anew after each fork: half a millisecond each time process 1
forks, and to no purpose there, since it has one thread and every program is seeded. In programs they run as ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

_hooks: list[dict[str, Callable[[], object]]] = []
_in_program = [False]


def put_off() -> None:
    """Before the modules that have such hooks are imported."""
    register = os.register_at_fork

    def note(**hooks: Callable[[], object] | None) -> None:
        _hooks.append({name: hook for name, hook in hooks.items() if hook is not None})

    os.register_at_fork = note
    register(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def begin() -> None:
    """In a program's own process: from here on forks do what the standard library wants."""
    _in_program[0] = True


def _before() -> None:
    _run("before", reversed(_hooks))


def _after_in_parent() -> None:
    _run("after_in_parent", _hooks)


def _after_in_child() -> None:
    _run("after_in_child", _hooks)


def _run(name: str, hooks: Iterable[dict[str, Callable[[], object]]]) -> None:
    if _in_program[0]:
        for hook in hooks:
            if name in hook:
                hook[name]()
