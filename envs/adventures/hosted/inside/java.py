"""The Java machine of an engine: how large it may be, and that it plays the same game the same way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

SAME_ORDER = "-XX:+UnlockExperimentalVMOptions -XX:hashCode=2"
"""Objects without a hash of their own all get the same one. ScienceWorld keeps things in sets, whose order, and with it
what a name means, would otherwise be another one in every game."""


class JavaGame(Protocol):
    """What both engines have: py4j's gateway to the machine."""

    _gateway: Any


GameT = TypeVar("GameT", bound=JavaGame)


def started(megabytes: int, start: Callable[[], GameT]) -> GameT:
    """Start the machine with that much memory. One thread collects garbage: others need the cores too.

    Raises RuntimeError where it does not start.
    """
    os.environ["JDK_JAVA_OPTIONS"] = f"-Xmx{megabytes}m -XX:+UseSerialGC {SAME_ORDER}"
    try:
        return start()
    except (OSError, ValueError) as error:  # py4j reads the port that a running machine writes
        raise RuntimeError("Java did not start") from error


def end(game: JavaGame) -> None:
    """Kill the machine, and wait until it is gone."""
    process: subprocess.Popen[bytes] = game._gateway.java_process
    process.kill()
    process.wait()
