"""A program that answers a line with a line, within a time, and of which nothing is left at its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from threading import Lock
from typing import IO

MOST_LINE = 2**20
"""Bytes of a line."""
MOST_SAID = 500
"""Characters of the program's standard error that a message about it shows."""
MOST_PARTS = 16
"""How often its standard error is read once it has closed its output."""
SWEEPS = 10
"""How often what a program has left behind is looked for, while there is any."""


class ProgramFailed(RuntimeError):
    """The program ended, or wrote something else than one action a turn."""


class Process:
    """A program that answers lines with lines. `mark`: a value in its environment, by which its processes are found."""

    def __init__(self, words: list[str], environment: dict[str, str], mark: str) -> None:
        """Raises ProgramFailed where it does not start."""
        self._mark, self._last_said = mark, b""
        self._asking = Lock()
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramFailed(f"the program {words[0]!r} did not start: {error.strerror}") from error
        self._in, self._out, self._err = (stream.fileno() for stream in self._streams)
        os.set_blocking(self._in, False)

    def ask(self, line: bytes, timeout: float) -> bytes:
        """The line that it writes next, within some seconds. Raises ProgramFailed, TimeoutError."""
        with self._asking:
            deadline, written = time.monotonic() + timeout, bytearray()
            if self._out in self._ready(0.0):
                self._take(written)
                raise _too_much(written)
            while b"\n" not in written:
                left = deadline - time.monotonic()
                ready = self._ready(left, writes=bool(line))
                if not ready or left < 0:
                    raise TimeoutError(f"the program wrote no action in time{self._last_words()}")
                if self._err in ready:
                    self._hear()
                if self._out in ready:
                    self._take(written)
                elif self._in in ready:
                    line = line[self._put(line) :]
        answer, _, more = bytes(written).partition(b"\n")
        if more:
            raise _too_much(more)
        return answer

    def kill(self) -> None:
        """End it and all that it has started: its process group, and what has its mark in the environment."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for _ in range(SWEEPS):
            if not (left := _with_environment(self._mark)):
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        if self._asking.acquire(timeout=1.0):  # whoever still waits for it has seen its end by now
            for stream in self._streams:
                with contextlib.suppress(OSError):
                    stream.close()

    @property
    def _streams(self) -> list[IO[bytes]]:
        return [one for one in (self._process.stdin, self._process.stdout, self._process.stderr) if one is not None]

    def _ready(self, seconds: float, writes: bool = False) -> set[int]:
        """Which of its streams can go on, if one can within some seconds."""
        polled, there = select.poll(), select.POLLIN
        for stream in (self._out, self._err):
            if stream >= 0:
                polled.register(stream, there)
        if writes:
            polled.register(self._in, select.POLLOUT)
        return {stream for stream, _ in polled.poll(max(0.0, 1000 * seconds))}

    def _put(self, line: bytes) -> int:
        try:
            return os.write(self._in, line)
        except BrokenPipeError:
            raise self._ended() from None

    def _take(self, written: bytearray) -> None:
        """What it has written, up to a bound."""
        if not (part := os.read(self._out, 65_536)):
            self._out = -1
            raise self._ended()
        written += part
        if len(written) > MOST_LINE:
            raise ProgramFailed(f"the program wrote a line of more than {MOST_LINE} bytes")

    def _hear(self) -> None:
        """Keep the end of what it says on its standard error."""
        part = os.read(self._err, 65_536)
        self._last_said = (self._last_said + part)[-4 * MOST_SAID :]
        self._err = self._err if part else -1

    def _ended(self) -> ProgramFailed:
        for _ in range(MOST_PARTS):  # it may never end
            if self._err < 0 or self._err not in self._ready(0.2):
                break
            self._hear()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        ended = f"ended with code {code}" if code is not None and code >= 0 else f"was ended by signal {-(code or 0)}"
        how = "closed its output" if code is None else ended
        return ProgramFailed(f"the program wrote no action: it {how}{self._last_words()}")

    def _last_words(self) -> str:
        said = self._last_said.decode("utf-8", "replace").strip().replace(self._mark, "[key]")
        return f"; it said: {said[-MOST_SAID:]}" if said else ""


def _with_environment(mark: str) -> list[int]:
    """Processes whose environment holds a text, where the kernel shows it: those that left the group are among them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def _too_much(written: bytes | bytearray) -> ProgramFailed:
    shown = written.decode("utf-8", "replace")[:80]
    return ProgramFailed(
        f"the program must write one line for an observation, its action, and it also wrote {shown!r}: what is no "
        "action belongs on standard error"
    )
