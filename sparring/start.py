"""Where the program starts: Ctrl-C is answered by one line from the first moment, before anything heavy is loaded."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_INTERRUPTED = 130


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
    if before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def main() -> int:
    """The program `sparring`."""
    leave_on_ctrl_c()
    return int(importlib.import_module("sparring.__main__").main())


if __name__ == "__main__":
    sys.exit(main())
