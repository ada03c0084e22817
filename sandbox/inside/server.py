"""The fork-server: process 1 of the process namespace of every sandbox, whatever the backend.

It holds a warm interpreter and runs a program by forking it, so that starting costs a fork and not an interpreter; the
fork for the next program is made ahead, while nobody waits and nothing of the last program is left.
What it reports is what the kernel says of the program's process and what the program wrote: claims, never verdicts.
Nothing that a verdict is compared with ever enters. What a program leaves behind (processes, files) is removed before
the answer is given; where that fails, `clean` is false and the host throws the whole sandbox away.

A session is a tree of paused interpreters. Running a cell forks one; the child, if it survives, is the next.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import signal
import sys
from _socket import AF_UNIX, socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from sparring.sandbox.inside import fork_hooks

fork_hooks.put_off()
ARCHIVES = "bz2", "lzma", "zlib"
for name in ARCHIVES:  # `shutil` would load six libraries for them, and every library makes every fork dearer
    sys.modules[name] = None  # type: ignore[assignment]

from sparring.sandbox.inside.branches import Branches
from sparring.sandbox.inside.prefork import Prefork
from sparring.sandbox.inside.program import adopt_orphans, hide_ourselves, set_dumpable
from sparring.sandbox.inside.supervisor import (
    Supervisor,
    children,
    kill,
    oom_kills,
    receive_unforked,
    unread,
    wait,
)
from sparring.sandbox.inside.wire import Closed, receive_frame, receive_order, send_frame, send_parts
from sparring.sandbox.inside.workspace import WORKSPACE, collect, make_places, mend, wipe

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import Options, Order, ProgramLimits, Report

PRELOADED = (
    "abc bisect collections.abc contextlib copy dataclasses datetime enum functools heapq io itertools json math "
    "operator re string textwrap time types typing"
)
"""What programs import most; every module more makes every fork dearer."""
OURS = errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN
"""What can go wrong in a session through nobody's doing; the rest is what its cells did to its files and channels."""
REHEARSAL = """
from typing import Any, Dict, List, Optional, Tuple
for kind in (int, float, str, bool, Any):
    List[kind], List[List[kind]], Dict[str, kind], Optional[kind], Tuple[kind, kind]
def f(x: int) -> str:
    return f"{x}"
for i in range(9):
    try:
        assert f(i)
        raise ValueError(i)
    except Exception as error:
        str(error)
"""
"""Has the interpreter make, once and for all forks, what it makes when it first compiles and runs something, and the
annotations that most programs begin with."""
SOCKET = "/run/sparring/socket"
"""Where a backend without inherited descriptors offers its channel."""
ANSWER = (
    '{"op": "done", "status": "%s", "exit_code": %s, "signal": %s, "seconds": %f, "clean": %s, "sizes": %s, '
    '"files": %s, "problem": %s}'
)
"""By hand: `json` would touch sixty pages more, which the next fork shares and which therefore have to be copied."""


class Server:
    """Answers the host's requests, one at a time."""

    def __init__(self, host: socket, options: Options) -> None:
        self.host, self.options = host, options
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.branches = Branches(self.null, self.ask)
        self.limits: ProgramLimits = {"resources": ()}

    def serve(self) -> None:
        """Answer until the host hangs up."""
        while True:
            prefork = Prefork(self.host, self.null, self.limits)
            order, size, frame = self._next()
            if order["op"] != "run":
                prefork.dismiss()
                self.serve_session(order, size)
                continue
            if "limits" in order:
                prefork.dismiss()
                prefork = Prefork(self.host, self.null, self.limits)
            prefork.begin(frame)
            self.run(order, prefork)

    def _next(self) -> tuple[Order, int, bytes]:
        """An order; it names limits only where they are others than before."""
        order, size, frame = receive_order(self.host)
        self.limits = order.get("limits", self.limits)
        return order, size, frame

    def serve_session(self, order: Order, size: int) -> None:
        """A session, from its first order to its last."""
        operations: dict[str, Callable[[Order, memoryview], Report]] = {
            name: getattr(self.branches, name) for name in ("open", "cell", "call", "drop", "put", "get")
        }
        operations["reset"] = self.reset
        while True:
            body = receive_unforked(self.host, size)
            try:
                answer, parts = operations[order["op"]]({**order, "limits": self.limits}, body)
            except OSError as error:
                ours = error.errno in OURS or order["op"] == "open"
                answer, parts = {"status": "failed" if ours else "broken", "error": _named(error)}, []
            send_parts(self.host, json.dumps({"op": "done", **answer}).encode(), parts)
            if order["op"] == "reset":
                return
            order, size, _ = self._next()

    def ask(self, said: memoryview) -> tuple[Order, memoryview]:
        """Have the host read what a program said."""
        send_parts(self.host, b'{"op": "said"}', [said])
        order, size, _ = receive_order(self.host)
        return order, receive_unforked(self.host, size)

    def run(self, order: Order, program: Prefork) -> None:
        """See a program to its end, then leave nothing of it."""
        ooms = oom_kills()
        supervisor = Supervisor(self.limits, program.read_ends)
        supervisor.watch(program.pid, program.control if "host" in order else None, self.ask)
        if supervisor.status:
            kill(program.pid)
        waited = wait(program.pid)
        if unread(self.host.fileno()):
            raise Closed  # it has not read all that was meant for it: the channel is in the middle of a frame
        self.kill_all()
        supervisor.drain()
        ended = supervisor.note_ending(waited)
        program.control.close()
        if oom_kills() > ooms and supervisor.status != "ok":
            supervisor.status = "memory"
        files, problem = collect(order["collect"], self.limits["file_bytes"]) if "collect" in order else ([], "")
        clean = mend() if "keep" in order else wipe() if self.options["wipe"] else True
        parts = [*supervisor.parts(), *(content for _, content in files)]
        head = ANSWER % (
            supervisor.status,
            *("null" if number is None else number for number in ended.values()),
            supervisor.seconds,
            "true" if clean else "false",
            [len(part) for part in parts],
            json.dumps([name for name, _ in files]) if files else "[]",
            json.dumps(problem) if problem else '""',
        )
        send_parts(self.host, head.encode(), parts)
        del parts
        supervisor.close()

    def reset(self, header: Order, body: memoryview) -> Report:
        """End a session: no process and no file of it is left."""
        self.branches.forget_all()
        self.kill_all()
        return {"status": "ok", "clean": wipe() if self.options["wipe"] else True}, []

    def kill_all(self) -> None:
        """End every other process of the namespace, and reap it."""
        try:
            while True:
                if os.waitpid(-1, os.WNOHANG)[0]:
                    continue
                if not self.options["kill"]:
                    return
                _kill_the_rest()
                os.waitpid(-1, 0)
        except ChildProcessError:  # the rule: a process of the namespace is a child of ours, or a descendant of one
            return


def _named(error: OSError) -> str:
    return f"{type(error).__name__}: {error}"


def _kill_the_rest() -> None:
    """As process 1: everything. Elsewhere (without namespaces): what descends from us, as it becomes ours."""
    if os.getpid() != 1:
        for pid in children():
            kill(pid)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def _hardened(options: Options) -> None:
    """No signal of a program reaches process 1 that has no handler for it, and none may look into it."""
    if options["signals_ignored"]:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if options["undumpable"]:
        set_dumpable(False)
    if os.getpid() != 1:
        adopt_orphans()


def _host_socket() -> socket:
    """The channel: descriptor 0, or the socket that the backend has mounted."""
    if len(sys.argv) > 1:
        host = socket(AF_UNIX)
        host.connect(SOCKET)
        return host
    host = socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    return host


def main() -> None:
    """Be process 1."""
    host = _host_socket()
    options, _ = receive_frame(host)
    _hardened(options)
    for name in PRELOADED.split():
        importlib.import_module(name)
    for name in ("shutil", *ARCHIVES):  # programs get their own
        del sys.modules[name]
    os.chmod(WORKSPACE, 0o700)
    make_places()
    hide_ourselves(options["path"])
    exec(compile(REHEARSAL, "rehearsal", "exec", dont_inherit=True), {})
    gc.collect()
    gc.freeze()
    send_frame(host, {"op": "ready", "python": sys.version.split()[0]})
    try:
        Server(host, options).serve()
    except Closed:
        return


if __name__ == "__main__":
    main()
