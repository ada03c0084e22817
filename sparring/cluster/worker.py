"""What a worker of the cluster does: it plays slices of matches, in its own process and on its own machine.

It keeps environments and models between slices, and nothing else.
"""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import sparring
from sparring.cluster.parcels import Parcel, Unpacker
from sparring.rollout.hosts import Hosts
from sparring.rollout.loop import play, run_coroutine
from sparring.rollout.match import Match
from sparring.rollout.pool import EnvPool
from sparring.types import Episode


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker is."""

    python: str
    sparring: str
    pid: int
    host: str

    @classmethod
    def here(cls) -> Facts:
        """Of this process."""
        return cls(".".join(platform.python_version_tuple()[:2]), sparring.__version__, os.getpid(), platform.node())


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a worker could not play a slice: an environment, an agent or a model that is not there, or did not arrive."""

    reason: str
    host: str


class Worker:
    """Lives in a process of its own, as an actor of Ray. No method is a coroutine: Ray would leave the main thread."""

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
        self._pool, self._unpacker = EnvPool(), Unpacker()

    def facts(self) -> Facts:
        """What this worker is: an answer says that it is there."""
        return Facts.here()

    def play(self, parcel: Parcel, matches: Sequence[Match]) -> list[Episode] | Failed:
        """The episodes of a slice, in order.

        They depend on the slice and the parcel alone, not on what this worker played before.
        """
        try:
            return play(matches, self._unpacker.open(parcel), len(matches), pool=self._pool)
        except Exception as error:  # noqa: BLE001  (said where it was asked)
            kind = "" if type(error).__module__.startswith("sparring.") else f"{type(error).__name__}: "
            return Failed(f"{kind}{error}", platform.node())

    def close(self) -> None:
        """Close the environments."""
        run_coroutine(_close(self._pool))


async def _close(pool: EnvPool) -> None:
    hosts = Hosts()
    await pool.close(hosts)
    hosts.close()
