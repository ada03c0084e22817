"""Inside: sessions, as trees of paused interpreters.

Running a cell forks an interpreter; the child, if it survives, is the next one. Only one of them runs at a time, so
its files can always lie at the same place; those of the others lie under a name of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from _socket import socket, socketpair
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparring.sandbox.inside.interpreter import USED_UP as WHY_USED_UP
from sparring.sandbox.inside.interpreter import Interpreter
from sparring.sandbox.inside.program import CONTROL, become, close_the_rest, die, prepare
from sparring.sandbox.inside.supervisor import (
    FAILED,
    Supervisor,
    can_open,
    children,
    kill,
    oom_kills,
    reaped,
    receive_unforked,
    wait,
)
from sparring.sandbox.inside.wire import HEADER, Closed, receive_exactly, send_descriptors, send_parts
from sparring.sandbox.inside.workspace import NOW, WORKSPACE, collect, copied, create, remove_tree, write_all

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import Ask, Order, Report, Request

PID, WAITED = (re.compile(b'{"%s": ([0-9]{1,9})}' % name) for name in (b"pid", b"waited"))
"""An interpreter's answer is matched and never read as a whole: nothing of it shall stay in this process's memory."""
READY = re.compile(b'{"ready": true}')
MAX_REPLY = 1 << 16
NO_ANSWER = b'{"refusal": "the session\'s interpreter does not answer"}'
NO_DESCRIPTORS = b'{"refusal": "the sandbox can open no further files, of which every branch takes one: close some"}'
USED_UP = json.dumps({"refusal": WHY_USED_UP}).encode()
PATIENCE, PAUSE = 0.5, 0.005
"""Seconds that interpreters which were ended have to be gone, and between two looks."""
SPARE = 16
"""Descriptors of this process that have to be free before a cell begins: for a branch, its streams, its files."""
NO_ROOM = b'{"refusal": "its files do not fit twice into file_bytes, and a branch has its own copy"}'


@dataclass(slots=True)
class Branch:
    """A paused interpreter of a session's tree, as process 1 knows it."""

    number: int
    pid: int
    control: socket
    parent: int | None = None
    hidden: str = field(init=False)

    def __post_init__(self) -> None:
        self.hidden = f"{WORKSPACE}/.{self.number}"

    def send(self, header: Request, descriptors: list[int], body: bytes | memoryview = b"") -> None:
        """A message with descriptors."""
        send_descriptors(self.control, descriptors)
        send_parts(self.control, json.dumps(header).encode(), [body])

    def kill(self) -> None:
        """End its process; whatever it had is gone."""
        kill(self.pid)
        self.control.close()


class Branches:
    """The branches of the session that runs here, if one does."""

    def __init__(self, null: int, ask: Ask) -> None:
        self.null, self.ask = null, ask
        self.by_number: dict[int, Branch] = {}
        self.active: int | None = None
        self.count = 0
        self.some_ended = False
        """Since a fork was last refused: they may have made room."""

    def open(self, header: Order, body: memoryview) -> Report:
        """The first interpreter of a session: a fork of this process that has run nothing yet."""
        here, there = socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                become(header["limits"], (self.null, self.null, self.null))
                close_the_rest(there.fileno())
                there.detach()
                namespace = prepare(header["seed"], header["host"])
                Interpreter(socket(fileno=CONTROL), namespace).serve()
            finally:
                die()
        there.close()
        self.active = self._add(pid, here, None)
        if not READY.fullmatch(self._answer_of(self.by_number[self.active])):
            raise Closed  # before any cell has run, only a fault of ours can be the reason
        return {"status": "ok", "interpreter": self.active}, []

    def cell(self, header: Order, body: memoryview) -> Report:
        """Fork an interpreter and run a cell in the child. A child that dies takes nothing with it."""
        parent = self.by_number[header["interpreter"]]
        self._hide()
        if not can_open(SPARE, self.null):
            return self._refuse(parent, NO_DESCRIPTORS)
        if not copied(parent.hidden):
            return self._refuse(parent, NO_ROOM)
        here, there = socketpair()
        here.settimeout(5.0)
        answer = self._forked(parent, header["branch"], there.fileno())
        there.close()
        forked = PID.fullmatch(answer)
        if forked is None or int(forked[1]) < 2:
            here.close()
            return self._refuse(parent, answer or NO_ANSWER)
        self.active = self._add(int(forked[1]), here, parent.number)
        result = self._act(self.by_number[self.active], header, body)
        if result[0]["alive"]:
            if header["replace"]:
                self._forget(parent.number)
            return {**result[0], "interpreter": self.active}, result[1]
        self._forget(self.active)
        self._show(parent.number)
        return {**result[0], "interpreter": parent.number}, result[1]

    def call(self, header: Order, body: memoryview) -> Report:
        """Call a function in an interpreter, in place; if the interpreter dies of it, it is gone."""
        branch = self.by_number[header["interpreter"]]
        self._hide()
        self._show(branch.number)
        answer, data = self._act(branch, header, body)
        if not answer["alive"]:
            self._forget(branch.number)
        return {**answer, "interpreter": branch.number}, data

    def _act(self, branch: Branch, header: Order, body: memoryview) -> Report:
        out, err = os.pipe(), os.pipe()
        supervisor = Supervisor(header["limits"], (out[0], err[0]))
        ooms = oom_kills()
        message: Request = {"op": header["op"], "cpu_seconds": header["cpu_seconds"]}
        if "function" in header:
            message["function"] = header["function"]
        try:
            branch.send(message, [out[1], err[1]], body)
        except OSError:
            supervisor.status = "signal"
        os.close(out[1])
        os.close(err[1])
        supervisor.watch(branch.pid, branch.control, self.ask)
        alive = supervisor.answer is not None and not supervisor.status
        more: dict[str, object] = {"alive": alive, "clean": True, "exit_code": None, "signal": None}
        if supervisor.answer is not None and alive:
            failed, memory = supervisor.answer["failed"], supervisor.answer["memory"]
            supervisor.status = ("memory" if memory else "nonzero") if failed else "ok"
            more["exit_code"] = int(failed)
        else:
            self._kill_with_descendants(branch)
        supervisor.drain()
        if not alive:
            more |= supervisor.note_ending(self._status_of_dead(branch))
            if oom_kills() > ooms:
                supervisor.status = "memory"
            elif supervisor.status == "ok":
                supervisor.status = "nonzero"  # exit code 0, but it has not answered
        return supervisor.report(more, [])

    def _status_of_dead(self, branch: Branch) -> int:
        """The wait status of an interpreter that died: its parent knows, if it is not us."""
        parent = self.by_number.get(branch.parent or 0)
        if parent is None:
            return wait(branch.pid)
        waited = WAITED.fullmatch(self._asked(parent, {"op": "reap", "pid": branch.pid}, self.null))
        status = int(waited[1]) if waited else FAILED
        return status if status < 1 << 16 and (os.WIFEXITED(status) or os.WIFSIGNALED(status)) else FAILED

    def _forked(self, parent: Branch, branch: bool, descriptor: int) -> memoryview:
        """An interpreter's answer to being forked. Those that were ended count until they are reaped, after a while."""
        question: Request = {"op": "fork", "branch": branch, "place": parent.hidden}
        until = time.monotonic() + PATIENCE
        answer = self._asked(parent, question, descriptor)
        while answer == USED_UP and self.some_ended and time.monotonic() < until:
            for other in self.by_number.values():
                with contextlib.suppress(OSError):
                    other.send({"op": "tidy"}, [self.null])
            while reaped():
                pass
            time.sleep(PAUSE)
            answer = self._asked(parent, question, descriptor)
        self.some_ended = self.some_ended and answer != USED_UP
        return answer

    def _asked(self, branch: Branch, question: Request, descriptor: int) -> memoryview:
        try:
            branch.send(question, [descriptor])
        except OSError:
            return memoryview(b"")
        return self._answer_of(branch)

    def _answer_of(self, branch: Branch) -> memoryview:
        """An interpreter's answer, unread: anything if its cells were hostile, nothing if there is none."""
        branch.control.settimeout(5.0)
        try:
            head, body = HEADER.unpack(receive_exactly(branch.control, HEADER.size))
            if head <= MAX_REPLY and not body:
                return receive_unforked(branch.control, head)
        except (Closed, OSError):
            pass
        return memoryview(b"")

    def _kill_with_descendants(self, branch: Branch) -> None:
        """End an interpreter, and whatever it started: its children become ours when it dies."""
        branch.kill()
        known = {other.pid for other in self.by_number.values()}
        for _ in range(100):
            strangers = [pid for pid in children() if pid not in known]
            for pid in strangers:
                kill(pid)
                wait(pid)
            if not strangers:
                return

    def drop(self, header: Order, body: memoryview) -> Report:
        """Forget an interpreter."""
        self._forget(header["interpreter"])
        return {"status": "ok"}, []

    def put(self, header: Order, body: memoryview) -> Report:
        """Write a file into an interpreter's folder."""
        self._hide()
        self._show(header["interpreter"])
        try:
            descriptor = create(header["path"])
            try:
                write_all(descriptor, body)
            finally:
                os.close(descriptor)
        except OSError as error:  # what lies there already, or no room: the session goes on
            return {"status": "refused", "error": error.strerror}, []
        return {"status": "ok"}, []

    def get(self, header: Order, body: memoryview) -> Report:
        """Read a file of an interpreter's folder."""
        self._hide()
        self._show(header["interpreter"])
        files, problem = collect([header["path"]], header["limits"]["file_bytes"])
        return {"status": "ok", "found": bool(files), "problem": problem}, [content for _, content in files]

    def forget_all(self) -> None:
        """The session is over; its processes are about to be ended."""
        for branch in self.by_number.values():
            branch.control.close()
        self.by_number.clear()
        self.active = None

    def _add(self, pid: int, control: socket, parent: int | None) -> int:
        self.count += 1
        self.by_number[self.count] = Branch(self.count, pid, control, parent)
        return self.count

    def _forget(self, number: int) -> None:
        branch = self.by_number.pop(number, None)
        if branch is None:
            return
        branch.kill()
        self.some_ended = True
        remove_tree(NOW if self.active == number else branch.hidden)
        if self.active == number:
            self.active = None
        while reaped():
            pass

    def _hide(self) -> None:
        """Put the active interpreter's files under its own name."""
        if self.active is not None:
            os.rename(NOW, self.by_number[self.active].hidden)
            self.active = None
        else:
            remove_tree(NOW)

    def _show(self, number: int) -> None:
        """Put an interpreter's files where programs look for them."""
        remove_tree(NOW)
        os.rename(self.by_number[number].hidden, NOW)
        self.active = number

    def _refuse(self, parent: Branch, reason: bytes | memoryview) -> Report:
        self._show(parent.number)
        return {"status": "refused", "interpreter": parent.number}, [reason]
