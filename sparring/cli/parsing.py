"""Reading a command line with tyro: what it refuses becomes one line, and a command starts only when all is read."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from itertools import pairwise
from typing import TypeVar, overload

import tyro

from sparring.cli.helps import with_whole_sentences
from sparring.cli.lists import Lists, what_is_wrong

T = TypeVar("T")
Command = Callable[..., int | None]
"""What runs a command; None is the exit code 0."""
F = TypeVar("F", bound=Command)
REFUSED = 2
"""Tyro's exit code for a command line that it cannot read."""
NUMBERS = {
    r"invalid literal for int\(\) with base 10: (.+)": "a whole number",
    r"could not convert string to float: (.+)": "a number",
    r"no type matching \{None\}\|INT could be instantiated from \[(.+?)\]\.?": "a whole number, or None",
    r"no type matching \{None\}\|FLOAT could be instantiated from \[(.+?)\]\.?": "a number, or None",
}
"""What Python says of a word that is no number, and what would be right."""
NO_LISTS: Lists = {}
BORDERS = "│╭╮╰╯|+"
OF_SETTINGS = re.compile(r"(?:__tyro-dummy-inner__\.)?(?:config|settings|PATH): ")
"""What tyro calls the dataclass of settings whose own rule was broken."""
PLACES = ("--run", "--store", "--output", "-o")
"""Options that name a folder or a file; Python's `Path` reads an empty word as the current folder."""
EXPLANATIONS = ("Argument helptext:", "For full helptext", "Got errors:")


class UsageError(ValueError):
    """A command line that cannot be read; the message is one line."""


class Commands:
    """Tyro's subcommands, each started after its command line was read."""

    def __init__(self) -> None:
        self._app = tyro.extras.SubcommandApp()
        self.helps: dict[str, str] = {}
        """The docstring of every command."""

    @overload
    def command(self, func: F) -> F: ...

    @overload
    def command(self, func: None = None, *, name: str) -> Callable[[F], F]: ...

    def command(self, func: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
        """Register a command; as a decorator it leaves the function as it is."""
        if func is None:
            return partial(self._add, name=name)
        return self._add(func)

    def _add(self, func: F, name: str | None = None) -> F:
        name = name or func.__name__
        self.helps[name] = func.__doc__ or ""
        self._app.command(name=name)(_later(func))
        return func

    def cli(self, prog: str, args: Sequence[str], description: str | None = None) -> int:
        """Read a command line and run its command; returns the exit code. Raises UsageError."""
        _require_places(args)
        command = " ".join([prog, *(word for word in args[:1] if word in self.helps)])
        start: Callable[[], int | None] = _read(
            lambda: self._app.cli(prog=prog, args=args, description=description), command
        )
        return start() or 0


def run(command: Command, prog: str, args: Sequence[str], examples: str = "", lists: Lists = NO_LISTS) -> int:
    """Read a command line for one function and call it; its help ends with the examples. Raises UsageError.

    lists: the options that take several values, for what is said of a value that is none.
    """
    _require_places(args)
    with_whole_sentences(command)
    said = f"{(inspect.getdoc(command) or '').partition('Args:')[0].strip()}\n\n{examples}" if examples else None
    return _read(lambda: tyro.cli(_later(command), prog=prog, args=args, description=said), prog, lists)() or 0


def _require_places(args: Sequence[str]) -> None:
    """Refuse a folder or file without a name. Raises UsageError."""
    for word, following in pairwise([*args, None]):
        option, equals, value = (word or "").partition("=")
        if option in PLACES and (value if equals else following) == "":
            raise UsageError(f"{option} needs a name, such as {option} runs/first; it got an empty one")


def _later(function: Command) -> Callable[..., Callable[[], int | None]]:
    """The same signature; the call is handed over instead of made."""

    @wraps(function)
    def bound(*args: object, **kwargs: object) -> Callable[[], int | None]:
        return partial(function, *args, **kwargs)

    return bound


def _read(request: Callable[[], T], command: str, lists: Lists = NO_LISTS) -> T:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return request()
    except SystemExit as end:
        if end.code == REFUSED:
            raise UsageError(in_one_line(said.getvalue(), command, lists)) from None
        raise


def in_one_line(box: str, command: str = "", lists: Lists = NO_LISTS) -> str:
    """What a box of tyro says: the fault, what is near, and which help to read, the most special one."""
    inside = [line.strip().strip(BORDERS).strip() for line in box.splitlines()]
    inside = ["" if re.fullmatch(r"[─-]*", line) else line for line in inside]
    parts = _between_rules(inside[1:])  # the first line is the title
    kept = [part for part in parts if not part.startswith(EXPLANATIONS)]
    help_of = re.findall(r"sparring[a-z -]*? --help", " ".join(inside))[:1] + [f"{command} --help"] * bool(command)
    text = "; ".join(_shortened(part, lists).rstrip(".") for part in kept) or " ".join(inside)
    return f"{text}; see `{max(help_of, key=len)}`" if help_of else text


def _between_rules(lines: Sequence[str]) -> list[str]:
    """The lines between two rules (which are empty here), joined."""
    parts = [""]
    for line in lines:
        if line:
            parts[-1] = f"{parts[-1]} {line}".strip()
        else:
            parts.append("")
    return [part for part in parts if part]


def _shortened(part: str, lists: Lists) -> str:
    """One part: of what is near, the names alone; of what is missing, its name and its help."""
    if part.startswith("Perhaps you meant:"):
        return (
            f"did you mean {' or '.join(dict.fromkeys(re.findall(r'(?<!see )--(?!help )[a-z][a-z.-]+(?= )', part)))}?"
        )
    if part.startswith("Error parsing "):
        return _in_plain_words(OF_SETTINGS.sub("", part.removeprefix("Error parsing ")), lists)
    missing = re.sub(r"^Missing from [a-z -]+:", "missing:", part).replace(" (required)", "")
    return missing[:1].lower() + missing[1:]


def _in_plain_words(fault: str, lists: Lists) -> str:
    """`--steps: FAULT` of a word that is no number: what it must be, and what it is."""
    option, _, reason = fault.partition(": ")
    words = re.fullmatch(r"Could not find valid parse for arguments: \[(.*)\]", reason)
    if words:
        return what_is_wrong(option, [word.strip("'\"") for word in words[1].split(", ")], lists)
    for said, kind in NUMBERS.items():
        found = re.fullmatch(said, reason)
        if found:
            size = ", or a size such as 256MB" if option.endswith("bytes") else ""
            return f"{option} must be {kind}{size}, got {found[1]}"
    return fault[:1].lower() + fault[1:]
