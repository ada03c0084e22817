"""Where commands run that are not Python programs, over files that stay from one command to the next.

    with Shell() as shell:
        shell.run(["sh", "-c", "echo 42 > answer"])
        shell.run(["cat", "answer"]).stdout         # '42\\n'

The walls and the limits are those of a program in a `Sandbox`. Two things differ: the root filesystem also holds a
shell and the usual small tools, and what a command writes stays, and may be executed, until the shell is closed.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sparring.sandbox.backends.namespaces import Bubblewrap, Namespaces
from sparring.sandbox.checks import file_parts, outcome_of, require_bytes, require_command
from sparring.sandbox.defences import Defences
from sparring.sandbox.inside import commands
from sparring.sandbox.inside.messages import Order
from sparring.sandbox.rootfs import COMMAND_ENVIRONMENT
from sparring.sandbox.types import Limits, Outcome, SessionEnded
from sparring.sandbox.worker import Died, OutOfMemory

PROGRAM = Path(commands.__file__).read_text()
FOLDER = "/work"
PIECE = 4 * 2**20
"""Bytes of a file that are read or written at a time."""
PIECE_SECONDS = 60.0


class Shell:
    """One sandbox for commands. Its files stay until it is closed; every process ends with the command that began it.

    packages: installed distributions that Python inside may import besides the standard library.

    Built on the backend "namespaces". Commands of several threads run one after another. Raises SandboxUnavailable
    where this machine cannot do it.
    """

    def __init__(self, *, limits: Limits = Limits(), packages: Sequence[str] = ()) -> None:  # noqa: B008  (frozen)
        self.limits = limits
        self._worker = Namespaces(limits, packages, Defences(), commands=True).start()
        self._lock = threading.Lock()
        self._over = ""
        self._running = False

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        cwd: str = "",
        limits: Limits | None = None,
    ) -> Outcome:
        """Run a command, found by PATH, in a folder (relative to /work) and see how it ends.

        One that is not there ends with exit code 127, one that cannot be started with 126, as in a shell.
        Raises SessionEnded where the sandbox is gone, ValueError for what no command could be given.
        """
        limits = limits or self.limits
        words, environment = require_command(command, {**COMMAND_ENVIRONMENT, **env})
        file_parts({}, require_bytes("stdin", stdin), limits)
        call = f"launch({words!r}, {environment!r}, {os.path.join(FOLDER, cwd)!r})"
        return self._ask(call, stdin, limits)[0]

    def read(self, path: str, most: int) -> bytes:
        """The bytes of a file; `path` is relative to /work.

        Raises FileNotFoundError, PermissionError, IsADirectoryError; OSError with errno EFBIG for more than `most`
        bytes; SessionEnded.
        """
        parts, size = [], 0
        while True:
            part = self._piece(path, f"read_piece({path!r}, {size}, {PIECE}, {most})")
            parts.append(part)
            size += len(part)
            if size > most:
                raise OSError(errno.EFBIG, f"a file of more than {most} bytes", path)
            if len(part) < PIECE:
                return b"".join(parts)

    def write(self, path: str, data: bytes) -> None:
        """Write a file and the folders that it needs; `path` is relative to /work.

        Raises PermissionError, IsADirectoryError; OSError where there is no room; SessionEnded.
        """
        for start in range(0, max(1, len(data)), PIECE):
            self._piece(path, f"write_piece({path!r}, {not start})", data[start : start + PIECE])

    def interrupt(self) -> None:
        """End the command that another thread runs, with its processes; the files stay. Nothing where none runs.

        One that is about to begin or has just ended may take the sandbox with it: later calls then raise SessionEnded.
        """
        if self._running and isinstance(self._worker.box, Bubblewrap):
            self._worker.box.end_program()

    def close(self, reason: str = "it was closed") -> None:
        """End the sandbox and all that is in it, a command of another thread too."""
        if not self._over:
            self._over = f"this shell is over: {reason}"
            self._worker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _piece(self, path: str, call: str, stdin: bytes = b"") -> bytes:
        """Have a piece of a file read or written. Raises the OSError that it met."""
        limits = dataclasses.replace(
            self.limits, wall_seconds=PIECE_SECONDS, cpu_seconds=PIECE_SECONDS, output_bytes=PIECE
        )
        outcome, said = self._ask(call, stdin, limits)
        if outcome.ok:
            return said
        if outcome.status == "nonzero" and outcome.exit_code and not outcome.stderr:
            raise OSError(outcome.exit_code, os.strerror(outcome.exit_code), path)
        why = outcome.stderr.strip().rpartition("\n")[2]
        raise OSError(errno.EIO, f"it could not be read or written ({outcome.status}: {why})", path)

    def _ask(self, call: str, stdin: bytes, limits: Limits) -> tuple[Outcome, bytes]:
        """Run one call of the program inside: its outcome, and the bytes that it printed."""
        source = f"{PROGRAM}\n{call}\n".encode(errors="surrogateescape")
        header: Order = {"op": "run", "keep": True, "sizes": [len(source), 0, len(stdin)], "files": []}
        with self._lock:
            if self._over:
                raise SessionEnded(self._over)
            try:
                self._running = True
                answer, data = self._worker.request(header, source + stdin, limits, {})
                outcome, said = outcome_of(answer, data), data[: answer["sizes"][0]]
            except OutOfMemory:
                self.close("a command in it used up the memory of the whole sandbox")
                return Outcome("memory", signal=9), b""
            except Died as death:
                self.close(f"its sandbox died: {death}")
                raise SessionEnded(self._over) from death
            finally:
                self._running = False
            if not self._worker.clean:
                self.close("a command in it has taken its folders away")
            return outcome, said
