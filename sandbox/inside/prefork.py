"""Inside: the fork for the next program, made ahead, while nobody waits and nothing of the last program is left."""

from __future__ import annotations

import os
from _socket import socket, socketpair
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sparring.sandbox.inside.program import become, close_the_rest, die, prepare, run_to_the_end, set_arguments
from sparring.sandbox.inside.supervisor import wait
from sparring.sandbox.inside.wire import Closed, receive_exactly, receive_order
from sparring.sandbox.inside.workspace import WORKSPACE, create, write_all

if TYPE_CHECKING:
    from sparring.sandbox.inside.messages import ProgramLimits

PIECE = 1 << 16


class Prefork:
    """A fork of this interpreter that waits to become a program. The program's text is read by its own process only,
    from the host's channel: the interpreter that the next program is a fork of never holds it.

    It has taken on everything that it knows of the program, its limits above all: where the order says others, there
    has to be another.
    """

    def __init__(self, host: socket, null: int, limits: ProgramLimits) -> None:
        self.control, there = socketpair()
        out, err = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.control.close()
                become(limits, (null, out[1], err[1]))
                _run_what_comes(there, host)
            except Closed:
                os._exit(0)
            finally:
                die()
        there.close()
        os.close(out[1])
        os.close(err[1])
        self.read_ends = out[0], err[0]

    def begin(self, order: bytes) -> None:
        """Let it become this program. Raises OSError where it has died of itself."""
        self.control.sendall(order)

    def dismiss(self) -> None:
        """It is not to become anything."""
        self.control.close()
        wait(self.pid)
        for descriptor in self.read_ends:
            os.close(descriptor)


def _run_what_comes(control: socket, host: socket) -> None:
    order, size, _ = receive_order(control)
    size, arguments, stdin, *files = order.get("sizes", (size, 0, 0))
    code = receive_exactly(host, size)
    if arguments:
        set_arguments(receive_exactly(host, arguments))
    if stdin:
        os.dup2(_receive(lambda: os.open(WORKSPACE, os.O_TMPFILE | os.O_RDWR, 0o600), host, stdin), 0)
        os.lseek(0, 0, os.SEEK_SET)
    for path, size in zip(order.get("files", ()), files, strict=True):
        os.close(_receive(partial(create, path), host, size))
    close_the_rest(control.fileno() if "host" in order else None)
    run_to_the_end(code, prepare(order.get("seed", 0), order.get("host", ())))


def _receive(opened: Callable[[], int], host: socket, size: int) -> int:
    """Put what comes next into a file, piece by piece: it takes memory once, as the file.

    Where there is no room for it, all of it is read nevertheless: what follows in the channel is for others."""
    try:
        descriptor = opened()
        while size:
            piece = memoryview(receive_exactly(host, min(size, PIECE)))
            size -= len(piece)
            write_all(descriptor, piece)
        return descriptor
    except OSError:
        while size:
            size -= len(receive_exactly(host, min(size, PIECE)))
        raise
