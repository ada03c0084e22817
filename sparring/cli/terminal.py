"""The streams of the command line: lines for people, JSON for scripts, complaints, progress bars."""

from __future__ import annotations

import json as jsonlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Protocol, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sparring.cli.tables import fitted_table
from sparring.wrapping import wrapped

EVERY = 30.0
"""Seconds between two lines of what works long where there is no terminal."""
WIDE = 500
"""Columns where nobody looks: what another program reads is not wrapped."""


def _console(stream: TextIO, stderr: bool = False) -> Console:
    return Console(width=None if stream.isatty() else WIDE, stderr=stderr, emoji=False)  # `:m:` stands in specs


out, err = _console(sys.stdout), _console(sys.stderr, stderr=True)


def say(text: str, quiet: bool = False) -> None:
    """A line for people."""
    if not quiet:
        out.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def say_wrapped(text: str) -> None:
    """A line for people, broken between words where a person looks."""
    say(filled(text, out))


def note(text: str) -> None:
    """A line for people on stderr: what is no part of the output."""
    err.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def pass_on(stdout: str, stderr: str) -> None:
    """What a program wrote, on the streams it wrote it to; where a person looks, it cannot steer the terminal."""
    for stream, text in ((sys.stdout, stdout), (sys.stderr, stderr)):
        stream.write(printable(text) if stream.isatty() else text.encode("utf-8", "replace").decode())
        stream.flush()


def complain(text: str) -> None:
    """A line on stderr; where that cannot be written there is nobody to tell."""
    with suppress(OSError):
        err.print(f"[bold red]sparring:[/] {escape(printable(text))}", highlight=False, soft_wrap=True)


def complain_of(faults: Sequence[tuple[str, str]], most: int) -> None:
    """(where, what) pairs: a line for everything that was wrong, at most so many lines, and how many more there are.

    What is the same in many places, such as a server that does not answer, is said once with its count.
    """
    places: dict[str, list[str]] = {}
    for where, what in faults:
        places.setdefault(what, []).append(where)
    for what, found in list(places.items())[:most]:
        complain(filled(f"{found[0]}: {what}" if found[0] else what, err))
        if len(found) > 1:
            complain(f"the same {len(found)} times")
    if rest := sum(map(len, list(places.values())[most:])):
        complain(f"and {rest} more; --json lists all")


def dump(value: object) -> None:
    """One JSON value on one line of stdout; numbers that JSON does not have (NaN, infinities) are null."""
    print(jsonlib.dumps(_finite(value), default=str, allow_nan=False), flush=True)


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], names: Sequence[int] = (0,), prose: int | None = None
) -> None:
    """A table of plain text. In a narrow terminal `names` are shortened, and `prose` takes several lines."""
    mark = ".." if out.options.ascii_only else "…"
    width = out.width if out.is_terminal else None
    cells = [[printable(cell, keep="") for cell in row] for row in rows]
    out.print(fitted_table(columns, cells, names, width, mark, prose), highlight=False)


def filled(text: str, console: Console) -> str:
    """Long lines, broken between words where a person looks."""
    return wrapped(text, console.width, "  ") if console.is_terminal else text


class Advance(Protocol):
    """Moves a progress bar by one, or to a number."""

    def __call__(self, to: int | None = None) -> None:
        """Move it."""
        ...


@contextmanager
def progress(what: str, total: int, quiet: bool = False) -> Iterator[Advance]:
    """A bar, unless there is nothing to do; the function given advances it by one, or to a number.

    Where there is no terminal, a line now and then says how far it is.
    """
    started = time.monotonic()
    with _bar(quiet or not total) as bar:
        task = bar.add_task(what, total=total)

        def line() -> str:
            return f"{what}: {bar.tasks[0].completed:,.0f} of {total:,}, {clock_time(time.monotonic() - started)} gone"

        def advance(to: int | None = None) -> None:
            if to is None:
                bar.advance(task)
            else:
                bar.update(task, completed=to)

        with nullcontext() if quiet or not total or err.is_terminal else telling(line):
            yield advance


@contextmanager
def telling(line: Callable[[], str]) -> Iterator[None]:
    """Note a line every so many seconds, where there is one: what works long without a terminal shows that it works."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(EVERY):
            if text := line():
                note(text)

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def clock_time(seconds: float) -> str:
    """1:05 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str, keep: str = "\n\t") -> str:
    """Control characters but those to keep, and lone surrogates, escaped: nobody's text can steer the terminal."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bar(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=quiet or not err.is_terminal,
        transient=False,
    )
