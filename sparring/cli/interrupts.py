"""Ctrl-C and SIGTERM: what is worth keeping is kept, and the program says so."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from sparring.cli import terminal
from sparring.start import EXIT_INTERRUPTED
from sparring.store.location import Location


@contextmanager
def stop_after_update(
    what: str = "this update", back_to: str = "back to the last checkpoint"
) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C (or SIGTERM) asks for an end after the present update, the second one is immediate."""
    asked: list[int] = []
    told: list[int] = []

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        if len(asked) == 1:
            terminal.complain(f"stopping after {what} (Ctrl-C again: at once, {back_to})")
            told.append(number)
        if told and len(asked) > 1:  # a second one while the line is written waits for its end
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            raise KeyboardInterrupt

    with handling(ask):
        yield lambda: bool(asked)


@contextmanager
def saying_what_is_kept(store: Location | None) -> Iterator[None]:
    """After an interruption, say what is kept; an error of the disk names the store where it names no file."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        kept = f"; the games that were over are in {store}, and the same command plays the rest" if store else ""
        terminal.complain(f"{interruption_in_words(interruption)}{kept}")
        raise SystemExit(EXIT_INTERRUPTED) from None
    except OSError as error:
        if error.errno is None or error.filename is not None or store is None:
            raise
        raise OSError(error.errno, error.strerror, str(store)) from error


def interruption_in_words(interruption: KeyboardInterrupt) -> str:
    """What ended the program: what the interruption says itself, as where a person leaves a game."""
    return str(interruption) or "interrupted"


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: an event loop ends at its next step, other code where it stands.

    Python's own handling of Ctrl-C is left as it is: an error that is raised anywhere inside an event loop can leave
    tasks that nobody wakes any more. Where Ctrl-C is ignored (a job in the background), SIGTERM still ends it.
    """

    def end(number: int, frame: FrameType | None) -> None:
        ctrl_c = signal.getsignal(signal.SIGINT)
        if not callable(ctrl_c):
            raise KeyboardInterrupt
        ctrl_c(signal.SIGINT, frame)

    with handling(end, (signal.SIGTERM,)):
        yield


@contextmanager
def handling(
    handler: Callable[[int, FrameType | None], None], signals: Sequence[int] = (signal.SIGINT, signal.SIGTERM)
) -> Iterator[None]:
    """Handle signals so, where this is the thread that may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
