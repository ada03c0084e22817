"""What is not there: an unknown name, with the nearest ones; an optional dependency, with the command for it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from types import ModuleType

from sparring.shortening import shortened

MOST_NEAR, MOST_NAMED = 3, 10
MOST_SHOWN = 100
"""Characters of the unknown name."""
VERSIONED = re.compile(r"(?:.*/)?(.+)-v\d+")
"""An environment's id; its group is the name as people write it, `Nim` in `sparring/Nim-v0`."""


class UnknownName(KeyError):
    """No such environment, agent, model or key; the message names the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message is the one command that installs it."""


def unknown(kind: str, name: str, known: Iterable[str], listed_by: str = "") -> str:
    """The one sentence for an unknown name: the nearest right ones, or the first ones when none is near.

    listed_by: the command that lists all of them; where they are many it is named instead of the first ones.
    """
    names, shown = sorted(known), shortened(repr(name), MOST_SHOWN)
    written = {as_written.lower(): other for other in names for as_written in (VERSIONED.sub(r"\1", other), other)}
    near = _near(name.lower(), written)
    near = near or [other for other in names if name and name.lower() in other.lower()][:MOST_NEAR]
    if near:
        return f"unknown {kind} {shown}; did you mean {', '.join(map(repr, near))}?"
    if listed_by and len(names) > MOST_NAMED:
        return f"unknown {kind} {shown}; `{listed_by}` lists all {len(names)}"
    more = f", and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"unknown {kind} {shown}; known: {', '.join(names[:MOST_NAMED]) or 'none'}{more}"


def _near(name: str, written: Mapping[str, str]) -> list[str]:
    """The nearest names, each once, without those that are much farther away than the first."""
    matches = difflib.get_close_matches(name, written, n=2 * MOST_NEAR, cutoff=0.5)
    closeness = {match: difflib.SequenceMatcher(None, match, name).ratio() for match in matches}
    near = [written[match] for match in matches if closeness[match] >= 0.75 * closeness[matches[0]]]
    return list(dict.fromkeys(near))[:MOST_NEAR]


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or raise MissingExtra with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(f'{module} is not installed: run `pip install "sparring[{extra}]"`') from error


def require_installed(module: str, extra: str) -> None:
    """Like `require`, without importing it."""
    if not installed(module):
        raise MissingExtra(f'{module} is not installed: run `pip install "sparring[{extra}]"`')


def installed(module: str) -> bool:
    """Whether an optional dependency could be imported."""
    return importlib.util.find_spec(module) is not None
