"""Inside: sessions, as trees of paused interpreters.

Running a cell forks a node; the child, if it survives, is the next node. Only one node runs at a time, so the files of
whoever runs can always lie at the same place, and those of the others under a name of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from _socket import socket, socketpair
from dataclasses import dataclass, field
from typing import Any

from sparring.sandbox.box import BOX, NOW, collect, copied, create, remove_tree, write_all
from sparring.sandbox.node import USED_UP as WHY_USED_UP
from sparring.sandbox.node import Node
from sparring.sandbox.program import CONTROL, become, close_the_rest, die, prepare
from sparring.sandbox.watched import (
    FAILED,
    Ask,
    Report,
    Watched,
    can_open,
    children,
    kill,
    oom_kills,
    reaped,
    receive_unforked,
    wait,
)
from sparring.sandbox.wire import HEADER, Closed, receive_exactly, send_descriptors, send_parts

PID, WAITED = (re.compile(b'{"%s": ([0-9]{1,9})}' % name) for name in (b"pid", b"waited"))
"""What a node answers is matched and never read as a whole: nothing of it shall stay in this process's memory."""
READY = re.compile(b'{"ready": true}')
MAX_REPLY = 1 << 16
NO_ANSWER = b'{"refusal": "the session\'s interpreter does not answer"}'
NO_DESCRIPTORS = b'{"refusal": "the sandbox can open no further files, of which every branch takes one: close some"}'
USED_UP = json.dumps({"refusal": WHY_USED_UP}).encode()
PATIENCE, PAUSE = 0.5, 0.005
"""Seconds that nodes which were ended have to be gone, and between two looks."""
SPARE = 16
"""Descriptors of this process that have to be free before a cell begins: for a branch, its streams, its files."""
NO_ROOM = b'{"refusal": "its files do not fit twice into file_bytes, and a branch has its own copy"}'


@dataclass(slots=True)
class Branch:
    """A node of a session's tree, as process 1 knows it."""

    number: int
    pid: int
    control: socket
    parent: int | None = None
    hidden: str = field(init=False)

    def __post_init__(self) -> None:
        self.hidden = f"{BOX}/.{self.number}"

    def send(self, header: dict[str, Any], descriptors: list[int], body: bytes | memoryview = b"") -> None:
        """A message with descriptors."""
        send_descriptors(self.control, descriptors)
        send_parts(self.control, json.dumps(header).encode(), [body])

    def kill(self) -> None:
        """End its process; whatever it had is gone."""
        kill(self.pid)
        self.control.close()


class Sessions:
    """The session that runs here, if one does."""

    def __init__(self, null: int, ask: Ask) -> None:
        self.null, self.ask = null, ask
        self.branches: dict[int, Branch] = {}
        self.active: int | None = None
        self.count = 0
        self.some_ended = False
        """Since a fork was last refused: they may have made room."""

    def open(self, header: dict[str, Any], body: memoryview) -> Report:
        """The first node of a session: a fork of this interpreter that has run nothing yet."""
        here, there = socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                become(header["limits"], (self.null, self.null, self.null))
                close_the_rest(there.fileno())
                there.detach()
                namespace = prepare(header["seed"], header["host"])
                Node(socket(fileno=CONTROL), namespace).serve()
            finally:
                die()
        there.close()
        self.active = self._add(pid, here, None)
        if not READY.fullmatch(self._answer_of(self.branches[self.active])):
            raise Closed  # before any cell has run, only a fault of ours can be the reason
        return {"status": "ok", "node": self.active}, []

    def cell(self, header: dict[str, Any], body: memoryview) -> Report:
        """Fork a node and run a cell in the child. A child that dies takes nothing with it."""
        parent = self.branches[header["node"]]
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
        result = self._act(self.branches[self.active], header, body)
        if result[0]["alive"]:
            if header["replace"]:
                self._forget(parent.number)
            return {**result[0], "node": self.active}, result[1]
        self._forget(self.active)
        self._show(parent.number)
        return {**result[0], "node": parent.number}, result[1]

    def call(self, header: dict[str, Any], body: memoryview) -> Report:
        """Call a function in a node, in place; a node that dies of it is gone."""
        branch = self.branches[header["node"]]
        self._hide()
        self._show(branch.number)
        answer, data = self._act(branch, header, body)
        if not answer["alive"]:
            self._forget(branch.number)
        return {**answer, "node": branch.number}, data

    def _act(self, branch: Branch, header: dict[str, Any], body: memoryview) -> Report:
        out, err = os.pipe(), os.pipe()
        watched = Watched(header["limits"], (out[0], err[0]))
        ooms = oom_kills()
        message: dict[str, Any] = {key: header[key] for key in ("op", "function", "cpu_seconds") if key in header}
        try:
            branch.send(message, [out[1], err[1]], body)
        except OSError:
            watched.status = "signal"
        os.close(out[1])
        os.close(err[1])
        watched.watch(branch.pid, branch.control, self.ask)
        alive = watched.answer is not None and not watched.status
        more: dict[str, Any] = {"alive": alive, "clean": True, "exit_code": None, "signal": None}
        if watched.answer is not None and alive:
            failed, memory = watched.answer["failed"], watched.answer["memory"]
            watched.status = ("memory" if memory else "nonzero") if failed else "ok"
            more["exit_code"] = int(failed)
        else:
            self._kill_with_descendants(branch)
        watched.drain()
        if not alive:
            more |= watched.note_ending(self._status_of_dead(branch))
            if oom_kills() > ooms:
                watched.status = "memory"
            elif watched.status == "ok":
                watched.status = "nonzero"  # exit code 0, but it has not answered
        return watched.report(more, [])

    def _status_of_dead(self, branch: Branch) -> int:
        """The wait status of a node that died: its parent knows, if it is not us."""
        parent = self.branches.get(branch.parent or 0)
        if parent is None:
            return wait(branch.pid)
        waited = WAITED.fullmatch(self._asked(parent, {"op": "reap", "pid": branch.pid}, self.null))
        status = int(waited[1]) if waited else FAILED
        return status if status < 1 << 16 and (os.WIFEXITED(status) or os.WIFSIGNALED(status)) else FAILED

    def _forked(self, parent: Branch, branch: bool, descriptor: int) -> memoryview:
        """A node's answer to being forked. Nodes that were ended count until they are reaped, which takes a while."""
        question = {"op": "fork", "branch": branch, "place": parent.hidden}
        until = time.monotonic() + PATIENCE
        answer = self._asked(parent, question, descriptor)
        while answer == USED_UP and self.some_ended and time.monotonic() < until:
            for other in self.branches.values():
                with contextlib.suppress(OSError):
                    other.send({"op": "tidy"}, [self.null])
            while reaped():
                pass
            time.sleep(PAUSE)
            answer = self._asked(parent, question, descriptor)
        self.some_ended = self.some_ended and answer != USED_UP
        return answer

    def _asked(self, branch: Branch, question: dict[str, Any], descriptor: int) -> memoryview:
        try:
            branch.send(question, [descriptor])
        except OSError:
            return memoryview(b"")
        return self._answer_of(branch)

    def _answer_of(self, branch: Branch) -> memoryview:
        """A node's answer, unread, which may be anything if its cells were hostile; nothing if there is none."""
        branch.control.settimeout(5.0)
        try:
            head, body = HEADER.unpack(receive_exactly(branch.control, HEADER.size))
            if head <= MAX_REPLY and not body:
                return receive_unforked(branch.control, head)
        except (Closed, OSError):
            pass
        return memoryview(b"")

    def _kill_with_descendants(self, branch: Branch) -> None:
        """End a node, and whatever it started: its children become ours when it dies."""
        branch.kill()
        known = {other.pid for other in self.branches.values()}
        for _ in range(100):
            strangers = [pid for pid in children() if pid not in known]
            for pid in strangers:
                kill(pid)
                wait(pid)
            if not strangers:
                return

    def drop(self, header: dict[str, Any], body: memoryview) -> Report:
        """Forget a node."""
        self._forget(header["node"])
        return {"status": "ok"}, []

    def put(self, header: dict[str, Any], body: memoryview) -> Report:
        """Write a file into a node's folder."""
        self._hide()
        self._show(header["node"])
        try:
            descriptor = create(header["path"])
            try:
                write_all(descriptor, body)
            finally:
                os.close(descriptor)
        except OSError as error:  # what lies there already, or no room: the session goes on
            return {"status": "refused", "error": error.strerror}, []
        return {"status": "ok"}, []

    def get(self, header: dict[str, Any], body: memoryview) -> Report:
        """Read a file of a node's folder."""
        self._hide()
        self._show(header["node"])
        found, problem = collect([header["path"]], header["limits"]["file_bytes"])
        return {"status": "ok", "found": bool(found), "problem": problem}, [content for _, content in found]

    def forget_all(self) -> None:
        """The session is over; its processes are about to be ended."""
        for branch in self.branches.values():
            branch.control.close()
        self.branches.clear()
        self.active = None

    def _add(self, pid: int, control: socket, parent: int | None) -> int:
        self.count += 1
        self.branches[self.count] = Branch(self.count, pid, control, parent)
        return self.count

    def _forget(self, number: int) -> None:
        branch = self.branches.pop(number, None)
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
        """Put the active node's files under its own name."""
        if self.active is not None:
            os.rename(NOW, self.branches[self.active].hidden)
            self.active = None
        else:
            remove_tree(NOW)

    def _show(self, number: int) -> None:
        """Put a node's files where programs look for them."""
        remove_tree(NOW)
        os.rename(self.branches[number].hidden, NOW)
        self.active = number

    def _refuse(self, parent: Branch, reason: bytes | memoryview) -> Report:
        self._show(parent.number)
        return {"status": "refused", "node": parent.number}, [reason]
