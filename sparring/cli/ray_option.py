"""`--ray [ADDRESS]` of `play`, `eval` and `train`: the workers of a Ray cluster play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.registry import require_installed

if TYPE_CHECKING:
    from sparring.cluster.workers import RayWorkers

OPTION, LOCAL = "--ray", "local"
Address = Annotated[str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="(default: play in this process)")]
"""Of a cluster, as a command takes it."""
COMMANDS = ("play", "eval", "train")


def with_address(argv: Sequence[str]) -> list[str]:
    """A command line in which `--ray` at the end, or before another option, says which address it means."""
    words: list[str] = []
    for place, word in enumerate(argv):
        words.append(word)
        if word == OPTION and argv[0] in COMMANDS and (place + 1 == len(argv) or argv[place + 1].startswith("--")):
            words.append(LOCAL)
    return words


def workers(address: str | None) -> AbstractContextManager[RayWorkers | None]:
    """The workers of the cluster at that address; none without an address. Raises as `connection.ray_workers`."""
    return nullcontext() if address is None else _connected(address)


def require_usable(address: str | None) -> None:
    """Raises ValueError, MissingExtra, ServerFailed, before anything is made, where no cluster can be at an address."""
    if address is not None:
        from sparring.cluster.connection import AUTO, require_address, require_answer

        require_address(address)
        require_installed("ray", "ray")
        if address not in (LOCAL, AUTO):
            require_answer(address)


@contextmanager
def _connected(address: str) -> Iterator[RayWorkers]:
    from sparring.cluster.connection import ray_workers

    with ray_workers(address) as crew:
        yield crew
