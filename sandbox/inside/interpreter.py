"""Inside: a paused interpreter of a session, which runs cells and forks itself into further ones.

Its cells are a candidate's, so nothing that it says is trusted; process 1 watches it from outside.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import linecache
import os
import random
import resource
import stat
import sys
import types
from _socket import socket
from _thread import _count as count_threads
from typing import TYPE_CHECKING, Any, NoReturn

from sparring.sandbox.inside.program import CONTROL, exit_status, flush, report
from sparring.sandbox.inside.wire import (
    Closed,
    decode_value,
    encode_value,
    receive_descriptors,
    receive_frame,
    send_frame,
)
from sparring.sandbox.inside.workspace import NOW, WORKSPACE

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import Request

USED_UP = "limits.processes is used up, and each branch and each process that cells have left counts: close some"


class Interpreter:
    """A paused interpreter: runs what process 1 sends, and forks itself into further interpreters."""

    def __init__(self, control: socket, namespace: dict[str, Any]) -> None:
        self.control, self.namespace = control, namespace
        self.children: list[int] = []
        self.cells = 0

    def serve(self) -> NoReturn:
        """Obey until process 1 hangs up."""
        send_frame(self.control, {"ready": True})
        while True:
            try:
                header, body, descriptors = _receive_with_descriptors(self.control)
            except (Closed, OSError, ValueError):
                os._exit(0)
            if header["op"] == "fork":
                self.fork(header, descriptors)
            elif header["op"] == "tidy":
                os.close(descriptors[0])
                self.tidy()
            elif header["op"] == "reap":
                os.close(descriptors[0])
                send_frame(self.control, {"waited": os.waitpid(header["pid"], 0)[1]})
                self.children.remove(header["pid"])
            else:
                self.act(header, body, descriptors)

    def fork(self, header: Request, descriptors: list[int]) -> None:
        """Answer with the child's process number, or with why this state cannot be forked, or not faithfully."""
        self.tidy()
        state = random.getstate()
        try:
            refusal = _unforkable(header["branch"], descriptors[0])
            pid = -1 if refusal else os.fork()
        except (OSError, LookupError) as error:
            pid, refusal = -1, _why_not(error)
        if pid == 0:
            self._wake(descriptors[0], header["place"])
            random.setstate(state)
            return None
        for descriptor in descriptors:
            os.close(descriptor)
        if refusal:
            return send_frame(self.control, {"refusal": refusal})
        self.children.append(pid)
        return send_frame(self.control, {"pid": pid})

    def tidy(self) -> None:
        """Reap the interpreters forked here that process 1 has ended: until then the kernel counts them."""
        for pid in list(self.children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.children.remove(pid)

    def _wake(self, control: int, place: str) -> None:
        """In the child: a channel of its own, and its own copy of the files, open ones included."""
        self.children = []
        self.control.close()
        os.dup2(control, CONTROL, inheritable=False)
        os.close(control)
        self.control = socket(fileno=CONTROL)
        for descriptor in _descriptors():
            _reopen(descriptor, place)
        with contextlib.suppress(FileNotFoundError):  # a folder that has been removed: we are in it as our parent was
            here = os.getcwd()
            os.chdir(NOW + here.removeprefix(place) if here.startswith(place) else here)

    def act(self, header: Request, body: bytes, descriptors: list[int]) -> None:
        """Run a cell or call a function, with output going to the given descriptors meanwhile.

        They stay open until its end, so that a cell which opens all that it may leaves us those two.
        """
        for target, descriptor in zip((1, 2), descriptors, strict=True):
            os.dup2(descriptor, target)
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime + header["cpu_seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        answer = self._cell(body) if header["op"] == "cell" else self._call(header["function"], body)
        flush()
        for descriptor in descriptors:
            with contextlib.suppress(OSError):  # the cell has closed it
                os.close(descriptor)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        send_frame(self.control, {"op": "ended", **answer})

    def _cell(self, code: bytes) -> dict[str, object]:
        self.cells += 1
        file = f"cell_{self.cells}.py"
        try:
            exec(_compiled(code, file), self.namespace)
        except SystemExit as stop:
            status = exit_status(stop.code)
            flush()
            os._exit(status)
        except BaseException as error:  # noqa: BLE001
            report(error, file)
            return {"failed": True, "memory": isinstance(error, MemoryError)}
        return {"failed": False}

    def _call(self, function: str, arguments: bytes) -> dict[str, object]:
        try:
            value = self.namespace[function](*decode_value(json.loads(arguments)))
            return {"failed": False, "value": encode_value(value)}
        except BaseException as error:  # noqa: BLE001
            report(error, f"cell_{self.cells}.py")
            return {"failed": True, "memory": isinstance(error, MemoryError)}


def _compiled(code: bytes, file: str) -> types.CodeType:
    text = code.decode()
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return compile(text, file, "exec", dont_inherit=True)


def _receive_with_descriptors(sock: socket) -> tuple[Request, bytes, list[int]]:
    """A frame, preceded by one byte that carries descriptors."""
    descriptors = receive_descriptors(sock)
    return (*receive_frame(sock), descriptors)


def _unforkable(branch: bool, ours: int) -> str:
    """Why a fork would not be a faithful copy; empty where it is."""
    if count_threads():
        known = sys.modules["threading"].enumerate()[1:4] if "threading" in sys.modules else []
        names = ", ".join(thread.name for thread in known) or "started by hand"
        return f"{count_threads()} threads are still running ({names}), and a fork loses them: join them"
    for descriptor in _descriptors() - {ours}:
        try:
            mode = os.fstat(descriptor).st_mode
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if branch and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return f"descriptor {descriptor} is a pipe or socket, which both branches would share: close it"
        if stat.S_ISREG(mode) and path.startswith(WORKSPACE) and path.endswith(" (deleted)"):
            return f"descriptor {descriptor} is a deleted file, which both branches would share: close it"
    return ""


def _why_not(error: Exception) -> str:
    """What the kernel's refusal to fork, or to take a descriptor, means."""
    if isinstance(error, LookupError) or (isinstance(error, OSError) and error.errno == errno.EMFILE):
        return "limits.open_files is used up: close files before a cell ends"
    if isinstance(error, BlockingIOError):
        return USED_UP
    return f"the kernel makes no further process: {error}"


def _descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd") if int(name) > CONTROL}


def _reopen(descriptor: int, place: str) -> None:
    """Give an open file of the parent's folder a counterpart in ours: same mode, same offset, not shared."""
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if not path.startswith(f"{place}/") or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~(os.O_CREAT | os.O_TRUNC | os.O_EXCL)
        own = os.open(NOW + path.removeprefix(place), flags)
    except OSError:
        return
    os.lseek(own, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    os.dup2(own, descriptor, os.get_inheritable(descriptor))
    os.close(own)
