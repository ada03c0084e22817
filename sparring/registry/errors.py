"""What is not there: an unknown name, with the nearest ones; an optional dependency, with the command for it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from types import ModuleType


class UnknownName(KeyError):
    """No such environment, agent, model or key; the message names the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message is the one command that installs it."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The one sentence for an unknown name: the nearest right ones, or all of them when none is near."""
    names = sorted(known)
    near = _near(name.lower(), {other.lower(): other for other in names})
    near = near or [other for other in names if name and name.lower() in other.lower()][:3]
    if near:
        return f"unknown {kind} {name!r}; did you mean {', '.join(map(repr, near))}?"
    return f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}"


def _near(name: str, folded: Mapping[str, str]) -> list[str]:
    """The nearest names, without those that are much farther away than the first."""
    matches = difflib.get_close_matches(name, folded, n=3, cutoff=0.5)
    closeness = {match: difflib.SequenceMatcher(None, match, name).ratio() for match in matches}
    return [folded[match] for match in matches if closeness[match] >= 0.75 * closeness[matches[0]]]


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
