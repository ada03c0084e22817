"""Questions that computations answer in batches, in rounds.

    everybody asks ─► the loop has nothing else to do ─► a worker thread computes ─► everybody is answered ─► ...

A round starts when the event loop has run out of other work: whoever can ask without an answer has asked. So it does
not depend on the speed of the machine which questions meet, and rounds are as full as they can be. While a round is
computed the loop goes on with what waits for something else (environments in threads and processes, time-outs,
Ctrl-C); what is asked meanwhile waits for the next round. All computations run in one thread, one after another: they
share the processor, and weights are touched by nobody else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sparring.types import mark_fault

Q = TypeVar("Q")
A = TypeVar("A")

PATIENCE = 1000
"""Passes of the event loop after which a round starts although there is other work: somebody may poll for ever."""
_WORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sparring-model")


class Refused(ValueError):
    """Some questions of a batch cannot be answered, so none was. `reasons` says why, by the question's index."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__("; ".join(f"question {index}: {reason}" for index, reason in list(reasons.items())[:3]))


class Abandoned(Exception):
    """Nobody waits for the answers any more."""


async def ask(kind: Hashable, compute: Callable[[list[Q]], Sequence[A]], question: Q) -> A:
    """The answer to a question, computed together with all others of its kind. A question fails alone."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[A] = loop.create_future()
    _ROUNDS.setdefault(loop, _Rounds()).batch(kind, compute).add(question, future)
    return await future


def require_wanted() -> None:
    """Raises Abandoned, inside a long computation, where nobody waits for its answers any more."""
    if _HERE.computing is not None and not _HERE.computing.is_wanted:
        raise Abandoned


class _Batch(Generic[Q, A]):
    """Questions of one kind, and who waits for the answers."""

    def __init__(self, compute: Callable[[list[Q]], Sequence[A]]) -> None:
        self._compute = compute
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._answers: Sequence[A | BaseException] = ()

    def add(self, question: Q, future: asyncio.Future[A]) -> None:
        """One question more."""
        self._asked.append((question, future))

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits."""
        return any(not future.done() for _, future in self._asked)

    def compute(self) -> None:
        """Find the answers, in the worker thread."""
        self._asked = [(question, future) for question, future in self._asked if not future.done()]
        before, _HERE.computing = _HERE.computing, self
        try:
            self._answers = _answers(self._compute, [question for question, _ in self._asked])
        finally:
            _HERE.computing = before

    def deliver(self) -> None:
        """Give everybody an answer or an error of their own, on the event loop."""
        for (_, future), answer in zip(self._asked, self._answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


class _Rounds:
    """The rounds of one event loop: in a notebook one loop stands still while another plays in a thread."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Batch[Any, Any]] = {}
        self._computing = False

    def batch(self, kind: Hashable, compute: Callable[[list[Q]], Sequence[A]]) -> _Batch[Q, A]:
        """The batch of the next round that takes questions of this kind."""
        if not self._open and not self._computing:
            asyncio.get_running_loop().call_soon(self._start, PATIENCE)
        return self._open.setdefault(kind, _Batch(compute))

    def _start(self, patience: int) -> None:
        """Compute what was asked, once nobody else can go on."""
        loop = asyncio.get_running_loop()
        if patience and getattr(loop, "_ready", None):  # asyncio's own loops tell; with another one a pass is enough
            loop.call_soon(self._start, patience - 1)
            return
        batches, self._open, self._computing = list(self._open.values()), {}, True
        if _HERE.computing is not None:  # a computation that plays itself: its thread is the worker
            _compute(batches)
            self._deliver(batches)
            return

        def tell(_: object) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._deliver, batches)

        _WORKER.submit(_compute, batches).add_done_callback(tell)

    def _deliver(self, batches: Sequence[_Batch[Any, Any]]) -> None:
        self._computing = False
        for batch in batches:
            batch.deliver()
        if self._open:
            asyncio.get_running_loop().call_soon(self._start, PATIENCE)


class _Here(threading.local):
    computing: _Batch[Any, Any] | None = None
    """What this thread computes now."""


_HERE = _Here()
_ROUNDS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Rounds] = WeakKeyDictionary()


def _compute(batches: Sequence[_Batch[Any, Any]]) -> None:
    for batch in batches:
        batch.compute()


def _answers(compute: Callable[[list[Q]], Sequence[A]], questions: list[Q]) -> list[A | BaseException]:
    """An answer or an error for every question."""
    if not questions:
        return []
    try:
        answers = compute(questions)
        if len(answers) != len(questions):
            raise ValueError(f"there must be one answer a question, got {len(answers)} for {len(questions)}")
        return list(answers)
    except Refused as refused:
        return _without_refused(compute, questions, refused.reasons)
    except Abandoned as abandoned:
        return [abandoned] * len(questions)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whoever asked gets it: the rollout files it)
        if len(questions) > 1:  # whose fault it was shows when each is asked alone
            return [answer for question in questions for answer in _answers(compute, [question])]
        return [mark_fault(_raisable(error), "engine")]


def _without_refused(
    compute: Callable[[list[Q]], Sequence[A]], questions: list[Q], reasons: Mapping[int, str]
) -> list[A | BaseException]:
    rest = iter(_answers(compute, [question for index, question in enumerate(questions) if index not in reasons]))
    return [
        mark_fault(ValueError(reasons[index]), "capacity") if index in reasons else next(rest)
        for index in range(len(questions))
    ]


def _raisable(error: BaseException) -> BaseException:
    """The error, or one that a future can hold."""
    return RuntimeError("the model raised StopIteration") if isinstance(error, StopIteration) else error
