"""Where generated code runs. `Sandbox().run(code)` is all that most callers need.

    with Sandbox() as box:
        box.run("print(1 + 1)").stdout          # '2\\n'

A sandbox is a pool of isolated fork-servers, each of which runs one program at a time. One that dies, that cannot be
cleaned, or that has served long enough is replaced; a program that meets a dying one is run once more elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypedDict, Unpack

from sparring.kinds import require_each, require_kind
from sparring.sandbox.backends import make_backend
from sparring.sandbox.checks import (
    argument_bytes,
    file_parts,
    outcome_of,
    require_collectable,
    require_host,
    require_seed,
    source_bytes,
)
from sparring.sandbox.defences import Defences
from sparring.sandbox.inside.messages import Order
from sparring.sandbox.session import Session
from sparring.sandbox.types import Limits, Outcome, SandboxUnavailable
from sparring.sandbox.worker import Died, Host, OutOfMemory, Worker

RUNS_PER_WORKER = 2000
"""A fork-server is replaced after so many programs, whatever it looks like."""


class SessionOptions(TypedDict, total=False):
    """What `Sandbox.session` takes."""

    limits: Limits | None
    seed: int
    host: Host


class RunOptions(SessionOptions, total=False):
    """What `Sandbox.run` takes beside the program."""

    args: Sequence[str]
    files: Mapping[str, str | bytes]
    collect: Sequence[str]
    stdin: bytes


class Sandbox:
    """A pool of isolated interpreters. Thread-safe; nothing starts before the first program. Close it, or use `with`.

    backend: "namespaces" (bubblewrap; no daemon, no root), "docker" (a running engine), or "process", which hardly
        isolates and has to be asked for by name.
    workers: programs that may run at one time.
    packages: installed distributions that programs may import besides the standard library.

    Raises SandboxUnavailable (at the first use) where this machine cannot do it, ValueError for bad arguments.
    """

    def __init__(
        self,
        backend: str = "namespaces",
        *,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        workers: int = 1,
        packages: Sequence[str] = (),
        defences: Defences = Defences(),  # noqa: B008
    ) -> None:
        require_kind("backend", backend, str, "the name of a backend")
        require_kind("workers", workers, int, "a whole number")
        require_kind("limits", limits, Limits, "Limits")
        require_kind("defences", defences, Defences, "Defences")
        packages = tuple(require_each("packages", packages, str, "the name of a distribution"))
        if workers < 1:
            raise ValueError(f"workers must be >= 1, got {workers}")
        self.limits, self.workers, self.defences = limits, workers, defences
        self.backend = make_backend(backend, limits, packages, defences)
        self._free = threading.Semaphore(workers)
        self._idle: deque[Worker] = deque()
        self._alive = 0
        self._lock = threading.Lock()
        self._closed = False

    @property
    def strength(self) -> str:
        """What stands between a program and this machine, in words."""
        return self.backend.strength()

    def run(
        self,
        code: str | bytes,
        *,
        args: Sequence[str] = (),
        files: Mapping[str, str | bytes] = {},
        collect: Sequence[str] = (),
        stdin: bytes = b"",
        limits: Limits | None = None,
        seed: int = 0,
        host: Host = {},  # noqa: B006
    ) -> Outcome:
        """Run a program in /work as `__main__`, with `files` beside it, and see how it ends.

        args: what follows the program's name in `sys.argv`.
        collect: files of /work to bring back (regular ones only).
        seed: of `random`; the order of sets and everything else that Python decides is fixed.
        host: functions of the caller that the program may call by these names; plain values in and out.

        Raises ValueError for input that cannot be run: nothing has started then.
        """
        limits = self._limits(limits)
        source = source_bytes(code)
        names, contents = file_parts(files, stdin, limits) if files or stdin else ([], [])
        arguments = argument_bytes(args) if args else b""
        require_collectable(collect)
        require_host(host)
        seed = require_seed(seed)
        header: Order = {"op": "run"}
        if stdin or contents or arguments:
            header |= {"sizes": [len(source), len(arguments), len(stdin), *map(len, contents)], "files": names}
        header |= {"collect": list(collect)} if collect else {}
        header |= {"seed": seed} if seed else {}
        header |= {"host": list(host)} if host else {}
        body = b"".join([source, arguments, stdin, *contents])
        return self._twice(lambda worker: _run_once(worker, header, body, limits, host))

    def session(
        self,
        *,
        limits: Limits | None = None,
        seed: int = 0,
        host: Host = {},  # noqa: B006
    ) -> Session:
        """A live interpreter that remembers, and that can be forked. It occupies a worker until it is closed.

        Raises ValueError for input that cannot be used, SandboxUnavailable where no session could begin: no worker is
        occupied then.
        """
        limits, seed = self._limits(limits), require_seed(seed)
        require_host(host)
        self._free.acquire()
        try:
            worker = self._take()
        except BaseException:
            self._free.release()
            raise
        try:
            return Session.open(worker, limits, seed, host, self._give_back)
        except BaseException as error:
            self._give_back(worker, alive=False)
            if isinstance(error, Died | OutOfMemory):
                raise SandboxUnavailable(f"no session could begin: {_cause(error, limits)}") from error
            raise

    def close(self) -> None:
        """End everything."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for worker in idle:
            worker.kill()
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _limits(self, limits: Limits | None) -> Limits:
        """Those of one call. Raises ValueError for what the sandbox, which has been made already, cannot give."""
        if limits is not None and limits.file_bytes > self.limits.file_bytes:
            raise ValueError(
                f"file_bytes must be at most what the Sandbox was made with, {self.limits.file_bytes}, "
                f"got {limits.file_bytes}"
            )
        return limits or self.limits

    def _twice(self, attempt: Callable[[Worker], Outcome]) -> Outcome:
        """Once more where the first try met a dying sandbox."""
        first = self._once(attempt)
        return self._once(attempt) if first.is_ours else first

    def _once(self, attempt: Callable[[Worker], Outcome]) -> Outcome:
        with self._free:
            worker = self._take()
            try:
                outcome = attempt(worker)
            except OutOfMemory:
                self._kill(worker)
                return Outcome("memory", signal=9)
            except Died as death:
                self._kill(worker)
                return Outcome("sandbox_died", error=str(death))
            except BaseException:
                self._kill(worker)
                raise
            self._keep(worker)
            return outcome

    def _take(self) -> Worker:
        """The one that has rested longest, whose next fork is most surely ready; a new one while there are too few."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this sandbox is closed")
            if self._idle and self._alive >= self.workers:
                return self._idle.popleft()
            self._alive += 1
        try:
            return self.backend.start()
        except BaseException:
            with self._lock:
                self._alive -= 1
            raise

    def _keep(self, worker: Worker) -> None:
        """Put a worker back, or end it if it is not as it was."""
        worker.runs += 1
        with self._lock:
            keep = worker.clean and worker.runs < RUNS_PER_WORKER and not self._closed
            if keep:
                self._idle.append(worker)
        if not keep:
            self._kill(worker)

    def _kill(self, worker: Worker | None) -> None:
        with self._lock:
            self._alive -= 1
        if worker is not None:
            worker.kill()

    def _give_back(self, worker: Worker | None, alive: bool) -> None:
        """A session has ended. worker: None where it went with the session, which was dropped."""
        try:
            if worker is not None and alive:
                self._keep(worker)
            else:
                self._kill(worker)
        finally:
            self._free.release()


class AsyncSandbox:
    """The same for coroutines: calls wait in threads, as many as there are workers at work."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def run(self, code: str | bytes, **options: Unpack[RunOptions]) -> Outcome:
        """As `Sandbox.run`."""
        return await asyncio.to_thread(lambda: self.sandbox.run(code, **options))

    async def session(self, **options: Unpack[SessionOptions]) -> Session:
        """As `Sandbox.session`; await the session's methods through `asyncio.to_thread`."""
        return await asyncio.to_thread(lambda: self.sandbox.session(**options))

    async def close(self) -> None:
        """As `Sandbox.close`."""
        await asyncio.to_thread(self.sandbox.close)


def _cause(death: BaseException, limits: Limits) -> str:
    if isinstance(death, OutOfMemory):
        return f"its memory was used up at once, memory_bytes={limits.memory_bytes}"
    return f"the sandbox died: {death}"


def _run_once(worker: Worker, header: Order, body: bytes, limits: Limits, host: Host) -> Outcome:
    worker.calls = 0
    return outcome_of(*worker.request(header, body, limits, host))
