"""Where an environment runs, and what happens when it does not come back.

    here      in the thread of the event loop: environments that only compute
    a thread  environments that wait (`metadata["slow"] = True`): many steps at a time, the others go on meanwhile
    a process environments that may crash or never come back (`host="process"` of the row; with `host="engine"` the
              environment sees to that itself, and waits for its process in a thread)

A call that takes longer than `STEP_TIMEOUT_SECONDS` costs its own episode. Here it is interrupted where it stands, also
while it sleeps or waits for a lock or a socket, where this is the main thread (elsewhere Python code only); after the
first such call everything runs in threads. A thread that hangs is interrupted too, left behind, and never waited for.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import queue
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Generic, Protocol, TypeVar

from sparring.start import may_end_at_once

T = TypeVar("T")
A = TypeVar("A")
STEP_TIMEOUT_SECONDS = 60.0
Handler = Callable[[int, FrameType | None], object]
WAKE = signal.SIGURG
"""A signal that nothing else uses and that does nothing by itself."""
THREADS = min(32, (os.cpu_count() or 1) + 4)
PROCESSES = 2 * (os.cpu_count() or 1)
"""Environments in processes of their own that are in play at a time, however many matches are: each may be large."""


class Closable(Protocol):
    """What every environment has."""

    def close(self) -> None: ...


class Host(Protocol):
    """`await host(function, argument)` calls a function of an environment where that environment runs."""

    def __call__(self, function: Callable[[A], T], argument: A, /) -> Awaitable[T]: ...


class StepTimeout(TimeoutError):
    """An environment did not come back in time."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(args or (f"the environment did not answer within {STEP_TIMEOUT_SECONDS:g} s",)))


class Hosts:
    """The hosts of one run of matches, on one event loop."""

    def __init__(self) -> None:
        self._here, self._threads = _Here(), _Threads()

    def of(self, env: Closable) -> Host:
        """How to call an environment: the answer, what it raises, or StepTimeout."""
        if (getattr(env, "metadata", None) or {}).get("slow"):
            return partial(self._threads.call, env)
        return partial(self._call_here, env)

    def build(self, make: Callable[[A], T], argument: A) -> T:
        """An environment, built here: nobody knows yet whether it is slow."""
        return self._here.call(make, argument)

    def close(self) -> None:
        """Let the threads end; those that hang are left behind."""
        self._here.close()
        self._threads.close()

    async def _call_here(self, env: Closable, function: Callable[[A], T], argument: A, /) -> T:
        if self._here.has_hung:
            return await self._threads.call(env, function, argument)
        return self._here.call(function, argument)


class _Here:
    """Calls in this thread, watched from another one.

    In the main thread a call that hangs is interrupted by a signal, whose handler sees whether the call is still
    running. While a call runs, Ctrl-C ends it at once; between calls it is the event loop's. Where somebody has set a
    handler of his own, such as training, which finishes its update, Ctrl-C is his throughout.
    """

    def __init__(self) -> None:
        self.has_hung = False
        self._thread, self._started, self._closed = threading.get_ident(), 0.0, threading.Event()
        self._before: dict[int, Handler | signal.Handlers | int | None] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {WAKE: signal.signal(WAKE, self._on_wake)}
            if callable(ctrl_c := signal.getsignal(signal.SIGINT)) and may_end_at_once(ctrl_c):
                self._before[signal.SIGINT] = signal.signal(signal.SIGINT, partial(self._on_ctrl_c, ctrl_c))
        threading.Thread(target=self._watch, name="sparring-watch", daemon=True).start()

    def call(self, function: Callable[[A], T], argument: A) -> T:
        self._started = time.monotonic()
        try:
            return function(argument)
        except StepTimeout:
            self.has_hung = True
            raise
        except GeneratorExit as error:
            raise _as_an_error(error) from error
        finally:
            self._started = 0.0

    def close(self) -> None:
        self._closed.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_wake(self, number: int, frame: FrameType | None) -> None:
        if self._is_late():
            raise StepTimeout

    def _on_ctrl_c(self, before: Handler, number: int, frame: FrameType | None) -> None:
        if self._started:
            raise KeyboardInterrupt
        before(number, frame)

    def _is_late(self) -> bool:
        started = self._started
        return started > 0.0 and time.monotonic() - started > STEP_TIMEOUT_SECONDS

    def _watch(self) -> None:
        while not self._closed.wait(min(1.0, STEP_TIMEOUT_SECONDS / 4)):
            if self._is_late():
                if WAKE in self._before:
                    signal.pthread_kill(self._thread, WAKE)
                else:
                    _interrupt(self._thread, StepTimeout)


class _Threads:
    """At most `THREADS` calls at a time. The clock of a call starts when the call starts, not when it is asked for."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(THREADS)
        self._idle: list[_Worker] = []

    async def call(self, env: Closable, function: Callable[[A], T], argument: A, /) -> T:
        async with self._turns:
            worker = self._idle.pop() if self._idle else _Worker()
            answer = asyncio.wrap_future(worker.submit(partial(function, argument)))
            try:
                await asyncio.wait([answer], timeout=STEP_TIMEOUT_SECONDS)
            finally:
                if answer.done():
                    self._idle.append(worker)
                else:  # its time is up, or nobody waits for it any more
                    answer.cancel()
                    worker.abandon(env)
            if answer.cancelled():
                raise StepTimeout
            return answer.result().given()

    def close(self) -> None:
        for worker in self._idle:
            worker.stop()


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """What a call came to."""

    value: T | None = None
    error: BaseException | None = None

    def given(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class _Worker:
    """A thread that answers one call after another. It is a daemon: a program that ends does not wait for it."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._abandoned: Closable | None = None
        self._thread = threading.Thread(target=self._work, name="sparring-step", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[], T]) -> Future[_Outcome[T]]:
        """The answer to come."""
        answer: Future[_Outcome[T]] = Future()

        def work() -> None:
            outcome = _outcome(function)
            with suppress(Exception):  # the event loop may be gone
                answer.set_result(outcome)

        self._calls.put(work)
        return answer

    def stop(self) -> None:
        self._calls.put(None)

    def abandon(self, env: Closable) -> None:
        """Interrupt it; when it comes back it closes the environment, and ends."""
        self._abandoned = env
        self.stop()
        if self._thread.ident is not None:
            _interrupt(self._thread.ident, StepTimeout)

    def _work(self) -> None:
        with suppress(StepTimeout):
            while (work := self._calls.get()) is not None:
                work()
        if self._abandoned is not None:
            with suppress(Exception):
                self._abandoned.close()


def _outcome(function: Callable[[], T]) -> _Outcome[T]:
    """As data: not every exception can be handed to a future."""
    try:
        return _Outcome(function())
    except GeneratorExit as error:
        return _Outcome(error=_as_an_error(error))
    except BaseException as error:  # noqa: BLE001  (raised again in the thread of the event loop)
        return _Outcome(error=error)


def _as_an_error(error: GeneratorExit) -> RuntimeError:
    """What would end the coroutine that waits for the environment, as an error of the environment."""
    return RuntimeError(f"the environment raised GeneratorExit {error}".rstrip())


def _interrupt(thread: int, error: type[BaseException]) -> None:
    """Raise an error in another thread, at its next Python instruction."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
