"""Inside: one program that runs, as process 1 sees it: its streams, its deadline, its questions, and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from sparring.sandbox.wire import HEADER, Closed, send_frame

OOM_COUNTERS = [
    path
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
    if os.access(path, os.R_OK)
]
MAX_ANSWER = 16 << 20
"""Bytes that a program may send us in one frame."""
FAILED = 1 << 8
"""The wait status of a process that ended with exit code 1."""
MALFORMED = (Closed, OSError, ValueError, KeyError, TypeError, RecursionError)
"""What comes of a program that writes to our channel whatever it likes."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Hands a program's question to the host and brings back the answer."""


class Watched:
    """A program that is running: its streams, its deadline, and how it ended."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self.limits = limits
        self.out_read, self.out_write = os.pipe()
        self.err_read, self.err_write = os.pipe()
        self.written = {self.out_read: bytearray(), self.err_read: bytearray()}
        self.status = ""
        self.flooded = False
        self.inbox = bytearray()
        self.answer: dict[str, Any] | None = None
        self.seconds = 0.0

    def close_writers(self) -> None:
        """Once the program has them."""
        os.close(self.out_write)
        os.close(self.err_write)

    def read(self, descriptor: int) -> bool:
        """Take what is there, up to the limit; False at the end of the stream."""
        data, kept = os.read(descriptor, 1 << 16), self.written[descriptor]
        kept += data
        if len(kept) > self.limits["output_bytes"]:
            del kept[self.limits["output_bytes"] :]
            self.flooded = True
        return bool(data)

    def drain(self) -> None:
        """Take what is still in the pipes, and close them."""
        for descriptor in self.written:
            os.set_blocking(descriptor, False)
            try:
                while not self.flooded and self.read(descriptor):
                    pass
            except BlockingIOError:
                pass
            os.close(descriptor)
        if self.flooded:
            self.status = "output_limit"

    def frames(self, control: socket.socket) -> Iterator[dict[str, Any]]:
        """The messages that have arrived whole. Raises ValueError for what is none, Closed at the end."""
        data = control.recv(1 << 16, socket.MSG_DONTWAIT)
        if not data:
            raise Closed
        self.inbox += data
        while len(self.inbox) >= HEADER.size:
            head, body = HEADER.unpack_from(self.inbox)
            if head > MAX_ANSWER or body:
                raise ValueError("too large")
            if len(self.inbox) < HEADER.size + head:
                return
            message = json.loads(self.inbox[HEADER.size : HEADER.size + head])
            del self.inbox[: HEADER.size + head]
            yield message

    @property
    def out(self) -> bytes:
        return bytes(self.written[self.out_read])

    @property
    def err(self) -> bytes:
        return bytes(self.written[self.err_read])

    def watch(self, pid: int, control: socket.socket | None, ask: Ask) -> None:
        """Read and relay until the process has ended, has answered, or must be ended."""
        started = time.monotonic()
        deadline = started + self.limits["wall_seconds"]
        process = os.pidfd_open(pid)
        poll = select.poll()
        for descriptor in (process, self.out_read, self.err_read, *([control.fileno()] if control else [])):
            poll.register(descriptor, select.POLLIN)
        try:
            while not self.status and self.answer is None:
                left = deadline - time.monotonic()
                ready = poll.poll(max(0.0, left) * 1000) if left > 0 else []
                if not ready:
                    self.status = "timeout"
                    break
                found = {descriptor for descriptor, _ in ready}
                for descriptor in found & self.written.keys():
                    if not self.read(descriptor):
                        poll.unregister(descriptor)
                if self.flooded:
                    self.status = "output_limit"
                elif control and control.fileno() in found:
                    try:
                        deadline += self._converse(control, ask)
                    except MALFORMED:
                        poll.unregister(control)
                elif process in found:
                    break
        finally:
            os.close(process)
            self.seconds = time.monotonic() - started

    def _converse(self, control: socket.socket, ask: Ask) -> float:
        """A program asks the host, or a node says that it is done. Returns the seconds that the host took."""
        waited = 0.0
        for message in self.frames(control):
            if message["op"] == "ended":
                self.answer = message
            elif message["op"] == "host":
                asked = time.monotonic()
                answer = ask({"op": "host", "name": message["name"], "arguments": message["arguments"]})
                waited += time.monotonic() - asked
                control.settimeout(1.0)  # it asked and may not listen
                send_frame(control, answer)
        return waited

    def report(self, more: dict[str, Any], files: list[tuple[str, bytes]]) -> tuple[dict[str, Any], bytes]:
        """What the host is told, and the streams and files behind it."""
        parts = [self.out, self.err, *(content for _, content in files)]
        header = {
            "status": self.status,
            "seconds": self.seconds,
            "sizes": [len(part) for part in parts],
            "files": [name for name, _ in files],
            **more,
        }
        return header, b"".join(parts)

    def note_ending(self, waited: int) -> dict[str, Any]:
        """What the kernel says of a process, where it was not we who ended it."""
        code = os.waitstatus_to_exitcode(waited)
        if self.status:
            return {"exit_code": None, "signal": None}
        if code >= 0:
            memory = code != 0 and self.err.rstrip().rpartition(b"\n")[2].startswith(b"MemoryError")
            self.status = "memory" if memory else "nonzero" if code else "ok"
            return {"exit_code": code, "signal": None}
        self.status = "timeout" if -code == signal.SIGXCPU else "signal"
        return {"exit_code": None, "signal": -code}


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait(pid: int) -> int:
    """The wait status of a child of ours."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return FAILED


def children() -> list[int]:
    """Our children, by the kernel's word."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(child) for child in file.read().split()]


def oom_kills() -> int:
    """How many processes the kernel has ended here for want of memory, where it says so."""
    for path in OOM_COUNTERS:
        with open(path) as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    return 0


def reaped() -> bool:
    try:
        return any(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        return False
