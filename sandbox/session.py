"""A live interpreter: cells that build on each other, and branches that go separate ways.

Every cell runs in a fork of the state before it. So a cell that hangs, crashes or exits leaves the session where it
was, and a branch costs a fork and a copy of the files, not a replay.

What a fork cannot copy is refused with a reason: running threads, and (for real branches) open pipes and sockets.
`random` continues as if it had not been forked, and open files get their own offset.
"""

from __future__ import annotations

import contextlib
import json
import weakref
from _thread import start_new_thread
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from sparring.sandbox.checks import file_parts, outcome_of, require_bytes, require_inside, source_bytes
from sparring.sandbox.inside.messages import Order
from sparring.sandbox.inside.wire import encode_value
from sparring.sandbox.types import Answer, Limits, Outcome, SessionEnded
from sparring.sandbox.worker import Died, Host, OutOfMemory, Worker

GiveBack = Callable[[Worker | None, bool], None]


class Ruined(SessionEnded):
    """What ran in the session has ended all of it; `fate` is how."""

    def __init__(self, reason: str, fate: Outcome) -> None:
        super().__init__(reason)
        self.fate = fate


class _Tree:
    """The worker that all branches of a session share, and who holds which interpreter."""

    def __init__(self, worker: Worker, limits: Limits, host: Host, give_back: GiveBack) -> None:
        self.worker, self.limits, self.host, self.give_back = worker, limits, host, give_back
        self.holders: Counter[int] = Counter()
        self.over = ""
        self.fate: Outcome | None = None
        """How the programs in it ended it, where it was they."""
        self._dropped = weakref.finalize(self, _give_back_elsewhere, weakref.WeakMethod(give_back))
        self._dropped.atexit = False

    def ask(self, header: Order, body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Raises Ruined where its programs have ended it, SessionEnded where it is over for another reason."""
        if self.over:
            raise SessionEnded(self.over)
        try:
            answer, data = self.worker.request(header, body, self.limits, self.host, session=True)
        except OutOfMemory:
            raise self._ruined("used up the memory of the whole sandbox", Outcome("memory", signal=9)) from None
        except Died as death:
            self.end(f"the session's sandbox died: {death}", alive=False)
            raise SessionEnded(self.over) from death
        if answer["status"] == "broken":
            reason = f"broke its files or channels ({answer['error']})"
            raise self._ruined(reason, Outcome("nonzero", exit_code=1, stderr=f"a program of the session {reason}"))
        return answer, data

    def _ruined(self, what: str, fate: Outcome) -> Ruined:
        self.fate = fate
        self.end(f"the session is over: a program in it {what}", alive=False)
        return Ruined(self.over, fate)

    def end(self, reason: str, alive: bool) -> None:
        if not self.over:
            self.over = reason
            self._dropped.detach()
            self.give_back(self.worker, alive)


def _give_back_elsewhere(give_back: weakref.WeakMethod[GiveBack]) -> None:
    """Free the place of a session whose branches were all dropped without being closed; its worker ends by itself.

    A thread of its own does it: this may run in the middle of anything, where the sandbox's lock is held too.
    """
    with contextlib.suppress(RuntimeError):  # the program is ending
        start_new_thread(_give_back_place, (give_back,))


def _give_back_place(give_back: weakref.WeakMethod[GiveBack]) -> None:
    called = give_back()
    if called is not None:  # else the sandbox was dropped too
        called(None, False)


class Session:
    """One branch of a session. Use as a context manager; the last branch that closes frees the worker.

    Branches that are dropped instead free it too, a moment after the last of them is gone.
    """

    def __init__(self, tree: _Tree, interpreter: int) -> None:
        self._tree, self._interpreter, self._closed = tree, interpreter, False
        self._fate: Outcome | None = None
        tree.holders[interpreter] += 1

    @classmethod
    def open(cls, worker: Worker, limits: Limits, seed: int, host: Host, give_back: GiveBack) -> Session:
        """The first branch. Raises Died."""
        worker.calls = 0
        answer, _ = worker.request({"op": "open", "seed": seed, "host": list(host)}, b"", limits, host, session=True)
        interpreter = answer["interpreter"]
        return cls(_Tree(worker, limits, host, give_back), interpreter)

    def run(self, cell: str) -> Outcome:
        """Run a cell. An exception keeps what the cell did until then; a cell that dies or hangs is undone.

        Raises SessionEnded; ValueError for text that is no UTF-8.
        """
        source = source_bytes(cell)
        if self._tree.fate is not None:
            return self._tree.fate
        held = self._tree.holders[self._interpreter]
        header: Order = {"op": "cell", "interpreter": self._interpreter, "branch": held > 1, "replace": held == 1}
        try:
            answer, data = self._ask({**header, "cpu_seconds": self._tree.limits.cpu_seconds}, source)
        except Ruined as ruined:
            return ruined.fate
        if answer["status"] == "refused":
            return Outcome("refused", error=_refusal(data))
        if answer["interpreter"] != self._interpreter:
            self._move(answer["interpreter"])
        return outcome_of(answer, data)

    def call(self, function: str, args: Sequence[object] = ()) -> Answer:
        """Call a function that the session's cells have defined, in place.

        args: plain values. A call that dies or hangs takes the branch with it: later calls answer as it did.
        Raises SessionEnded, ValueError.
        """
        if not isinstance(function, str):
            raise ValueError(f"function must be a name, got {function!r}")
        arguments = json.dumps(encode_value(list(args))).encode()
        fate = self._fate or self._tree.fate
        if fate is not None:
            return Answer(fate)
        refused = self._own_interpreter()
        if refused is not None:
            return Answer(refused)
        cpu = self._tree.limits.cpu_seconds
        header: Order = {"op": "call", "interpreter": self._interpreter, "function": function, "cpu_seconds": cpu}
        try:
            answer, data = self._ask(header, arguments)
        except Ruined as ruined:
            return Answer(ruined.fate)
        outcome = outcome_of(answer, data)
        if not answer["alive"]:
            self._closed, self._fate = True, outcome
            self._release("its interpreter was ended by a call")
        return Answer(outcome, answer["value"] if outcome.ok else None)

    @property
    def is_over(self) -> bool:
        """Closed, or ended by what it called."""
        return self._closed or bool(self._tree.over)

    def fork(self) -> Session:
        """Another branch from this very state; the two know nothing of each other from here on."""
        self._require_open()
        return Session(self._tree, self._interpreter)

    def put(self, path: str, data: bytes) -> None:
        """Write a file into the branch's /work.

        Raises ValueError for a path or data that no branch could have, OSError for what this one has no place for.
        """
        file_parts({path: require_bytes("data", data)}, b"", self._tree.limits)
        refused = self._own_interpreter()
        if refused is not None:
            raise OSError(f"{path} cannot be written into this branch: {refused.error}")
        answer, _ = self._ask({"op": "put", "interpreter": self._interpreter, "path": path}, data)
        if answer["status"] == "refused":
            raise OSError(f"{path} cannot be written into this branch: {answer['error']}")

    def get(self, path: str) -> bytes:
        """Read a regular file of the branch's /work. Raises FileNotFoundError with what was found instead."""
        require_inside(path)
        answer, data = self._ask({"op": "get", "interpreter": self._interpreter, "path": path})
        if not answer["found"]:
            raise FileNotFoundError(answer["problem"])
        return data

    def close(self) -> None:
        """End this branch."""
        if not self._closed:
            self._closed = True
            self._release("it was closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, header: Order, body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        self._require_open()
        return self._tree.ask(header, body)

    def _require_open(self) -> None:
        if self._closed or self._tree.over:
            raise SessionEnded(self._tree.over or "this branch of the session is closed")

    def _own_interpreter(self) -> Outcome | None:
        """Before a state changes in place: one that other branches hold too is left to them. The refusal, if any."""
        if self._tree.holders[self._interpreter] == 1:
            return None
        outcome = self.run("")
        return None if outcome.ok else outcome

    def _move(self, interpreter: int) -> None:
        self._tree.holders[self._interpreter] -= 1
        self._tree.holders[interpreter] += 1
        self._interpreter = interpreter

    def _release(self, reason: str) -> None:
        """Give up the interpreter; the last holder of the last interpreter ends the session."""
        tree = self._tree
        tree.holders[self._interpreter] -= 1
        if tree.over:
            return
        if any(tree.holders.values()):
            if not tree.holders[self._interpreter]:
                with contextlib.suppress(SessionEnded):
                    tree.ask({"op": "drop", "interpreter": self._interpreter})
            return
        try:
            answer, _ = tree.worker.request({"op": "reset"}, b"", tree.limits, {})
            tree.end(f"the session is over: {reason}", alive=bool(answer["clean"]))
        except (Died, OutOfMemory):
            tree.end(f"the session is over: {reason}", alive=False)


def _refusal(said: bytes) -> str:
    """Why an interpreter would not be forked; its cells may have made it say anything."""
    try:
        return str(json.loads(said.decode())["refusal"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return "the session's interpreter does not answer"
