"""The workers of a Ray cluster: whoever plays matches takes them as `pool`, in the place of one of environments.

    matches ─► slices ─► a worker each ─► episodes, in the order of the matches ─► the store of this process

A worker that dies, with its machine or alone, is replaced, and the slice that it played is played again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Iterable, Mapping, MutableMapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

import ray
from ray.actor import ActorHandle

from sparring.cluster.parcels import Packer
from sparring.cluster.slices import Sent, Slice, Slices, agents_of
from sparring.cluster.worker import Facts, Failed, Worker
from sparring.faults import ServerFailed
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.types import Episode

logger = logging.getLogger(__name__)
START_SECONDS = 60.0
"""How long to wait where no worker is there and new ones are to start."""
CLOSE_SECONDS = 5.0
LOOK_SECONDS = 0.02
"""Between two looks at whether others, in another thread, have ended."""
WINDOW = 4
"""Slices for each worker that are in play, or wait until those before them are over."""
Answer = Facts | list[Episode] | Failed


@dataclass(slots=True)
class _Asked:
    """A worker that has been asked for something."""

    worker: ActorHandle[Worker]
    slice: Slice | None
    """None: it starts, or what it plays is not waited for any more."""


class Holding:
    """Workers that play with agents as they were when they were sent."""

    def __init__(self, workers: RayWorkers, sent: Sent) -> None:
        self._workers, self._sent = workers, sent

    def played(
        self, matches: Iterable[Match], known: MutableMapping[str, Agent]
    ) -> AsyncGenerator[list[tuple[Match, Episode]], None]:
        """As `RayWorkers.played`."""
        return self._workers.played(matches, known, self._sent)

    def holding(self, matches: Iterable[Match], known: Mapping[str, Agent]) -> Holding:
        """What was sent stays."""
        return self


class RayWorkers:
    """Workers that play. Ray must be connected; see `connection.ray_workers`."""

    def __init__(self, count: int) -> None:
        """Raises ServerFailed where no worker starts in time, or the first is of another version."""
        self.count = count
        self.here = Facts.here()
        self.pids: dict[str, set[int]] = {}
        """Of the workers so far, by host."""
        self.played_again = 0
        """Matches whose worker died while it played them."""
        self._actors = ray.remote(Worker).options(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")
        self._packer = Packer()
        self._idle: list[ActorHandle[Worker]] = []
        self._asked: dict[ray.ObjectRef[Answer], _Asked] = {}
        self._failed_starts = 0
        self._playing = threading.Lock()
        for _ in range(count):
            self._start()
        self._wait_for_the_first()

    def holding(self, matches: Iterable[Match], known: Mapping[str, Agent]) -> Holding:
        """The same workers, for these matches: agents play as they are now, whatever is learnt meanwhile."""
        agents = agents_of(matches, dict(known))
        return Holding(self, Sent(agents, self._packer.pack(agents)))

    async def played(
        self, matches: Iterable[Match], known: MutableMapping[str, Agent], sent: Sent | None = None
    ) -> AsyncGenerator[list[tuple[Match, Episode]], None]:
        """Stream matches with their episodes, in the order of the matches. Who asks while others play waits.

        Raises ServerFailed where no worker is left, or one cannot make an environment or agent; ValueError for an agent
        that cannot be sent.
        """
        while not self._playing.acquire(blocking=False):
            await asyncio.sleep(LOOK_SECONDS)
        try:
            slices = Slices(matches, known, self._packer.pack, WINDOW * self.count, sent)
            async with aclosing(self._played(slices)) as played:
                async for finished in played:
                    yield finished
        finally:
            self._playing.release()

    async def _played(self, slices: Slices) -> AsyncGenerator[list[tuple[Match, Episode]], None]:
        answered: asyncio.Queue[ray.ObjectRef[Answer]] = asyncio.Queue()
        for reference in self._asked:
            _tell(reference, answered)
        try:
            while True:
                while self._idle and (slice := slices.next()) is not None:
                    _tell(self._play(slice), answered)
                if slices.is_over:
                    return
                for reference in await self._answers(answered):
                    started = self._hear(reference, slices)
                    if started is not None:
                        _tell(started, answered)
                for finished in slices.finished():
                    yield finished
        finally:
            for asked in self._asked.values():
                asked.slice = None

    def close(self) -> None:
        """End all workers: those that are idle close their environments first."""
        closing = [worker.close.remote() for worker in self._idle]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for worker in [*self._idle, *(asked.worker for asked in self._asked.values())]:
            ray.kill(worker)
        self._idle.clear()
        self._asked.clear()

    def _play(self, slice: Slice) -> ray.ObjectRef[Answer]:
        worker = self._idle.pop(0)
        reference: ray.ObjectRef[Answer] = worker.play.remote(slice.parcel, slice.matches)
        self._asked[reference] = _Asked(worker, slice)
        return reference

    def _start(self) -> ray.ObjectRef[Answer]:
        worker = self._actors.remote()
        reference: ray.ObjectRef[Answer] = worker.facts.remote()
        self._asked[reference] = _Asked(worker, None)
        return reference

    def _wait_for_the_first(self) -> None:
        while not self._idle:
            ready, _ = ray.wait(list(self._asked), timeout=START_SECONDS)
            if not ready:
                raise ServerFailed(f"no worker of the cluster started within {START_SECONDS:g} s")
            self._hear(ready[0], None)

    async def _answers(self, answered: asyncio.Queue[ray.ObjectRef[Answer]]) -> list[ray.ObjectRef[Answer]]:
        """All that have come; at least one, for which nobody waits for ever where no worker is there to give it."""
        playing = any(asked.slice is not None for asked in self._asked.values())
        try:
            first = await asyncio.wait_for(answered.get(), None if playing else START_SECONDS)
        except TimeoutError as error:
            raise ServerFailed(f"all workers are gone, and none came back within {START_SECONDS:g} s") from error
        return [first, *(answered.get_nowait() for _ in range(answered.qsize()))]

    def _hear(self, reference: ray.ObjectRef[Answer], slices: Slices | None) -> ray.ObjectRef[Answer] | None:
        """Take an answer; a worker that died instead is replaced, by the one whose first answer is returned."""
        asked = self._asked.pop(reference)
        try:
            answer = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise ServerFailed(f"a worker failed: {_last_line(error)}") from error
        except ray.exceptions.RayError as error:
            return self._replace(asked, slices, error)
        if isinstance(answer, Facts):
            self._require_same(answer)
            self._failed_starts = 0
            self.pids.setdefault(answer.host, set()).add(answer.pid)
        self._idle.append(asked.worker)
        if asked.slice is not None and slices is not None:
            if isinstance(answer, Failed):
                raise ServerFailed(f"the cluster's worker on {answer.host} cannot play: {answer.reason}")
            if isinstance(answer, list):
                slices.played(asked.slice, answer)
        return None

    def _replace(self, asked: _Asked, slices: Slices | None, error: ray.exceptions.RayError) -> ray.ObjectRef[Answer]:
        with suppress(ray.exceptions.RayError, ValueError):  # it may be there still, and cut off
            ray.kill(asked.worker)
        if asked.slice is not None and slices is not None:
            self.played_again += len(asked.slice.matches)
            reason = _last_line(error).partition(" Some common causes")[0]
            logger.warning("a worker died and is replaced, and its matches are played again: %s", reason)
            slices.lost(asked.slice)
        else:
            self._failed_starts += 1
            if self._failed_starts > self.count:
                raise ServerFailed(f"the workers of the cluster do not start: {_why(error)}") from error
        return self._start()

    def _require_same(self, theirs: Facts) -> None:
        for name in ("python", "sparring"):
            there, here = getattr(theirs, name), getattr(self.here, name)
            if there != here:
                raise ServerFailed(
                    f"the cluster's worker on {theirs.host} has {name.capitalize()} {there}, and {here} runs here: "
                    "install the same version on every node"
                )


def _tell(reference: ray.ObjectRef[Answer], answered: asyncio.Queue[ray.ObjectRef[Answer]]) -> None:
    """Put a reference into a queue when its answer has come."""
    loop = asyncio.get_running_loop()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(answered.put_nowait, reference)

    reference.future().add_done_callback(tell)


def _why(error: Exception) -> str:
    """Why a worker did not start, in one line."""
    said = _last_line(error)
    if "No module named 'sparring" in str(error):
        return f"they cannot import Sparring ({said}): install the same version on every node"
    return said


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
