"""Inside: one program that runs, as process 1 sees it: its streams, its deadline, its questions, and how it ended."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import signal
import sys
import time
from _socket import MSG_DONTWAIT, socket
from collections.abc import Iterator, Mapping
from termios import FIONREAD
from typing import TYPE_CHECKING, ClassVar

from sparring.sandbox.inside.wire import HEADER, MAX_ANSWER, Closed, send_parts
from sparring.sandbox.inside.workspace import unforked

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import Ask, Order, ProgramLimits, Report

OOM_COUNTERS = [
    path
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
    if os.access(path, os.R_OK)
]
FAILED = 1 << 8
"""The wait status of a process that ended with exit code 1."""
MALFORMED = (Closed, OSError, ValueError, KeyError, TypeError, RecursionError)
"""What comes of a program that writes to our channel whatever it likes."""

CHUNK = 1 << 16
QUICK_MS = 3


class Stream:
    """What a program writes to one descriptor, kept outside the heap: the next program is a fork of this process, and
    shall find nothing of the last one in its memory."""

    _spare: ClassVar[list[mmap.mmap]] = []

    def __init__(self, limit: int, read_end: int) -> None:
        self.limit, self.size, self.read_end = limit, 0, read_end
        self._kept = self._spare.pop() if self._spare else unforked(limit + CHUNK)
        if len(self._kept) != limit + CHUNK:
            self._kept = unforked(limit + CHUNK)

    def read(self) -> bool:
        """Take what is there; False at the end of the stream."""
        with memoryview(self._kept) as whole, whole[self.size : self.size + CHUNK] as room:
            count = os.readv(self.read_end, [room])
        self.size += count
        return bool(count)

    @property
    def flooded(self) -> bool:
        """More than the limit has come."""
        return self.size > self.limit

    def drain(self) -> None:
        """Take what is still in the pipe, and close it."""
        while not self.flooded and unread(self.read_end):
            self.read()
        os.close(self.read_end)

    @property
    def ends_in_memory_error(self) -> bool:
        """Whether its last line is the one that an uncaught MemoryError leaves."""
        return self._kept.rfind(b"MemoryError", max(0, self.size - 80), self.size) >= 0

    def part(self) -> memoryview:
        """What was written, up to the limit."""
        return memoryview(self._kept)[: min(self.size, self.limit)]

    def close(self) -> None:
        """Nothing of what was written stays."""
        if self.size > CHUNK:
            self._kept.close()
        else:
            self._kept[: self.size] = bytes(self.size)
            self._spare.append(self._kept)


class Supervisor:
    """A program that is running: its streams, its deadline, and how it ended."""

    def __init__(self, limits: ProgramLimits, read_ends: tuple[int, int]) -> None:
        self.limits = limits
        self.out, self.err = (Stream(limits["output_bytes"], descriptor) for descriptor in read_ends)
        self.streams = {stream.read_end: stream for stream in (self.out, self.err)}
        self.status = ""
        self.inbox: memoryview | None = None
        self.filled = 0
        self.answer: Order | None = None
        self.seconds = 0.0

    def drain(self) -> None:
        """Take what is still in the pipes, and close them."""
        for stream in self.streams.values():
            stream.drain()
            if stream.flooded:
                self.status = "output_limit"

    def frames(self, control: socket) -> Iterator[memoryview]:
        """The messages that have arrived whole, unread. Raises Closed at the end."""
        if self.inbox is None:
            self.inbox = memoryview(unforked(HEADER.size + MAX_ANSWER + CHUNK))
        count = control.recv_into(self.inbox[self.filled : self.filled + CHUNK], 0, MSG_DONTWAIT)
        if not count:
            raise Closed
        self.filled += count
        start = 0
        while self.filled - start >= HEADER.size:
            head, body = HEADER.unpack_from(self.inbox, start)
            if head > MAX_ANSWER or body:
                self.status = "output_limit"
                return
            end = start + HEADER.size + head
            if self.filled < end:
                break
            yield self.inbox[start + HEADER.size : end]
            start = end
        rest = self.inbox[start : self.filled]
        self.inbox[: len(rest)], self.filled = rest, len(rest)

    def watch(self, pid: int, control: socket | None, ask: Ask) -> None:
        """Read and relay until the process has ended, has answered, or must be ended."""
        started = time.monotonic()
        deadline = started + self.limits["wall_seconds"]
        try:
            process = os.pidfd_open(pid)
        except OSError:  # it has ended, and is gone already
            return
        poll = select.poll()
        for descriptor in (process, *([control.fileno()] if control else [])):
            poll.register(descriptor, select.POLLIN)
        try:
            poll.poll(QUICK_MS)  # most programs end without being read meanwhile: the pipe holds what they write
            for descriptor in self.streams:
                poll.register(descriptor, select.POLLIN)
            while not self.status and self.answer is None:
                left = deadline - time.monotonic()
                ready = poll.poll(max(0.0, left) * 1000) if left > 0 else []
                if not ready:
                    self.status = "timeout"
                    break
                readable = {descriptor for descriptor, _ in ready}
                for descriptor in readable & self.streams.keys():
                    if not self.streams[descriptor].read():
                        poll.unregister(descriptor)
                if self.out.flooded or self.err.flooded:
                    self.status = "output_limit"
                elif control and control.fileno() in readable:
                    try:
                        deadline += self._converse(control, ask)
                    except MALFORMED:
                        poll.unregister(control)
                elif process in readable:
                    break
        finally:
            os.close(process)
            self.seconds = time.monotonic() - started

    def _converse(self, control: socket, ask: Ask) -> float:
        """What a program says goes to the host unread, and the host says what it was. Returns the seconds it took."""
        waited = 0.0
        for frame in self.frames(control):
            asked = time.monotonic()
            order, reply = ask(frame)
            waited += time.monotonic() - asked
            if order["op"] == "ended":
                self.answer = order
            elif order["op"] == "reply":
                control.settimeout(1.0)  # it asked and may not listen
                send_parts(control, b"{}", [reply])
            else:
                raise ValueError("a message that is none")
        return waited

    def parts(self) -> list[bytes | memoryview]:
        """What was written."""
        return [self.out.part(), self.err.part()]

    def report(self, more: Mapping[str, object], files: list[tuple[str, memoryview]]) -> Report:
        """What the host is told, and the streams and files behind it."""
        parts = [*self.parts(), *(content for _, content in files)]
        header: dict[str, object] = {
            "status": self.status,
            "seconds": self.seconds,
            "sizes": [len(part) for part in parts],
            "files": [name for name, _ in files],
            **more,
        }
        return header, parts

    def close(self) -> None:
        """Nothing of the program stays in this process."""
        self.out.close()
        self.err.close()

    def note_ending(self, waited: int) -> dict[str, int | None]:
        """What the kernel says of a process, where it was not we who ended it."""
        code = os.waitstatus_to_exitcode(waited)
        if self.status:
            return {"exit_code": None, "signal": None}
        if code >= 0:
            memory = code != 0 and self.err.ends_in_memory_error
            self.status = "memory" if memory else "nonzero" if code else "ok"
            return {"exit_code": code, "signal": None}
        self.status = "timeout" if -code == signal.SIGXCPU else "signal"
        return {"exit_code": None, "signal": -code}


def unread(descriptor: int) -> int:
    """Bytes that a pipe or socket holds."""
    return int.from_bytes(fcntl.ioctl(descriptor, FIONREAD, bytes(4)), sys.byteorder)


def receive_unforked(sock: socket, size: int) -> memoryview:
    """Bytes of the host's, in memory that no program will find. Raises Closed where it has gone."""
    room = memoryview(unforked(size) if size else b"")[:size]
    filled = 0
    while filled < size:
        count = sock.recv_into(room[filled:])
        if not count:
            raise Closed
        filled += count
    return room


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait(pid: int) -> int:
    """The wait status of a child of ours."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return FAILED


def can_open(count: int, descriptor: int) -> bool:
    """Whether this process may open so many further descriptors; tried with copies of one."""
    opened: list[int] = []
    with contextlib.suppress(OSError):
        while len(opened) < count:
            opened.append(os.dup(descriptor))
    for copy in opened:
        os.close(copy)
    return len(opened) == count


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
