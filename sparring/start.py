"""Where the program starts: Ctrl-C is answered by one line from the first moment, before anything heavy is loaded."""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def open_closed_streams() -> None:
    """Give closed standard streams (`>&-`) the null device, before a file of ours gets the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115  (stays open)


def leave(number: int, frame: object) -> None:
    """End the process at once: nothing was begun that would have to be finished."""
    os.write(2, b"sparring: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


def leave_on_ctrl_c() -> None:
    """Let Ctrl-C and SIGTERM end the process at once, where nobody else has decided what they do."""
    for number, standard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is standard:
            signal.signal(number, leave)


def handle_ctrl_c_as_usual() -> None:
    """Give both back to Python."""
    for number, standard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is leave:
            signal.signal(number, standard)


@contextmanager
def loading() -> Iterator[None]:
    """While libraries are loaded: an interruption inside their imports could be taken for a fault of theirs."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def may_end_at_once(handler: object) -> bool:
    """Whether Ctrl-C is handled by Python, an event loop, or ours in its place: anybody else's handler decides itself.

    Training finishes its update at the first Ctrl-C, wherever that comes.
    """
    function = getattr(handler, "func", handler)
    ours = ("asyncio.runners", "sparring.rollout.hosts")
    return function is signal.default_int_handler or getattr(function, "__module__", None) in ours


@contextmanager
def ctrl_c_at_once() -> Iterator[None]:
    """While a question or calculation takes long inside an event loop, which answers Ctrl-C only between its steps."""
    before = signal.getsignal(signal.SIGINT)
    if not may_end_at_once(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end(code: int) -> NoReturn:
    """End the process with a code; after an interruption without what Python does on its own account then.

    Python remembers a KeyboardInterrupt in code that an extension module runs, caught or not, and would end by signal.
    """
    if code == EXIT_INTERRUPTED:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main() -> NoReturn:
    """The program `sparring`."""
    open_closed_streams()
    leave_on_ctrl_c()
    end(int(importlib.import_module("sparring.cli.app").main()))
