"""The fork-server: process 1 of the process namespace of every sandbox, whatever the tier.

It holds a warm interpreter and runs a program by forking it, so that starting costs a fork and not an interpreter.
What it reports is what the kernel says of the program's process and what the program wrote: claims, never verdicts.
Nothing that a verdict is compared with ever enters. What a program leaves behind (processes, files) is removed before
the answer is given; where that fails, `clean` is false and the host throws the whole sandbox away.

A session is a tree of paused interpreters. Running a cell forks one; the child, if it survives, is the next.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from sparring.sandbox import forks

forks.put_off()

from sparring.sandbox.box import BOX, collect, make_places, wipe, write_files
from sparring.sandbox.program import adopt_orphans, become, die, hide_ourselves, prepare, run_to_the_end, set_dumpable
from sparring.sandbox.sessions import Sessions
from sparring.sandbox.watched import Report, Watched, children, kill, oom_kills, wait
from sparring.sandbox.wire import (
    Closed,
    receive_exactly,
    receive_frame,
    receive_header,
    send_frame,
    send_parts,
)

PRELOADED = (
    "abc bisect collections.abc contextlib copy dataclasses datetime enum functools heapq io itertools json math "
    "operator re string textwrap time types typing"
)
"""What programs import most; every module more makes every fork dearer."""
SOCKET = "/run/sparring/socket"
"""Where a tier without inherited descriptors offers its channel."""


class Server:
    """Answers the host's requests, one at a time."""

    def __init__(self, host: socket.socket, options: dict[str, Any]) -> None:
        self.host, self.options = host, options
        self.null = os.open(os.devnull, os.O_RDONLY)
        self.sessions = Sessions(self.null, self.ask)

    def serve(self) -> None:
        """Answer until the host hangs up."""
        operations: dict[str, Callable[[dict[str, Any], bytes], Report]] = {
            name: getattr(self.sessions, name) for name in ("open", "cell", "call", "drop", "put", "get")
        }
        operations["reset"] = self.reset
        while True:
            header, size = receive_header(self.host)
            if header["op"] == "run":
                self.run(header, size)
                continue
            answer, parts = operations[header["op"]](header, receive_exactly(self.host, size))
            send_parts(self.host, {"op": "done", **answer}, parts)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Have the host answer a program's question."""
        send_frame(self.host, question)
        return receive_frame(self.host)[0]

    def run(self, header: dict[str, Any], size: int) -> None:
        """Run a program to its end, then leave nothing of it. Its text is read by its own process only."""
        here, there = socket.socketpair() if header["host"] else (None, None)
        watched = Watched(header["limits"])
        ooms = oom_kills()
        pid = os.fork()
        if pid == 0:
            try:
                code, stdin, files = _split(header["sizes"], receive_exactly(self.host, size))
                write_files(header["files"], files)
                control = there.fileno() if there else None
                streams = (_as_file(stdin) if stdin else self.null, watched.out.write_end, watched.err.write_end)
                become(watched.limits, streams, control)
                run_to_the_end(code, prepare(header["seed"], header["host"]))
            finally:
                die()
        watched.close_writers()
        if there:
            there.close()
        watched.watch(pid, here, self.ask)
        if watched.status:
            kill(pid)
        waited = wait(pid)
        if self._has_unread():
            raise Closed  # the channel is in the middle of a frame
        self.kill_all()
        watched.drain()
        ended = watched.note_ending(waited)
        if here:
            here.close()
        if oom_kills() > ooms and watched.status != "ok":
            watched.status = "memory"
        collected, problem = collect(header["collect"], watched.limits["file_bytes"])
        clean = wipe() if self.options["wipe"] else True
        answer, parts = watched.report({**ended, "clean": clean, "problem": problem}, collected)
        send_parts(self.host, {"op": "done", **answer}, parts)
        del parts
        watched.close()

    def _has_unread(self) -> bool:
        """Whether a program's process died before it had read all that was meant for it."""
        try:
            return bool(self.host.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False

    def reset(self, header: dict[str, Any], body: bytes) -> Report:
        """End a session: no process and no file of it is left."""
        self.sessions.forget_all()
        self.kill_all()
        return {"status": "ok", "clean": wipe() if self.options["wipe"] else True}, []

    def kill_all(self) -> None:
        """End every other process of the namespace, and reap it."""
        while True:
            if self.options["kill"]:
                _kill_the_rest()
            try:
                if not any(os.waitpid(-1, 0 if self.options["kill"] else os.WNOHANG)):
                    return
            except ChildProcessError:
                return


def _kill_the_rest() -> None:
    """As process 1: everything. Elsewhere (the tier without namespaces): what descends from us, as it becomes ours."""
    if os.getpid() != 1:
        for pid in children():
            kill(pid)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def _as_file(data: bytes) -> int:
    descriptor = os.open(BOX, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _split(sizes: list[int], body: bytes) -> tuple[bytes, bytes, list[bytes]]:
    """Code, standard input and files out of one body."""
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts[0], parts[1], parts[2:]


def _hardened(options: dict[str, Any]) -> None:
    """No signal of a program reaches process 1 that has no handler for it, and none may look into it."""
    if options["signals_ignored"]:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if options["undumpable"]:
        set_dumpable(False)
    if os.getpid() != 1:
        adopt_orphans()


def _host_socket() -> socket.socket:
    """The channel: descriptor 0, or the socket that the tier has mounted."""
    if len(sys.argv) > 1:
        host = socket.socket(socket.AF_UNIX)
        host.connect(SOCKET)
        return host
    host = socket.socket(fileno=os.dup(0))
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
    os.chmod(BOX, 0o700)
    make_places()
    hide_ourselves(options["path"])
    gc.collect()
    gc.freeze()
    send_frame(host, {"op": "ready", "python": sys.version.split()[0]})
    try:
        Server(host, options).serve()
    except Closed:
        return


if __name__ == "__main__":
    main()
