"""The help of settings in whole sentences: a docstring's lines end where the source's must."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_type_hints

import docstring_parser
import tyro


def with_whole_sentences(command: Callable[..., Any]) -> None:
    """Give tyro the docstrings under the fields of a command's settings, each in one line.

    Tyro starts a new line at every source line that is indented, and under a field all but the first one are.
    """
    for hint in get_type_hints(command, include_extras=True).values():
        for part in (hint, *get_args(hint)[:1]):
            if isinstance(part, type) and dataclasses.is_dataclass(part):
                _say_in_one_line(part)


def _say_in_one_line(settings: type) -> None:
    hints = get_type_hints(settings, include_extras=True)
    names = {field.name for field in dataclasses.fields(settings)}
    for name, said in _docstrings(settings).items():
        if name in names:
            settings.__annotations__[name] = Annotated[hints[name], tyro.conf.arg(help=" ".join(said.split()))]


def _docstrings(settings: type) -> dict[str, str]:
    """Field -> the docstring under it, the most special class's where several have one."""
    found: dict[str, str] = {}
    for base in reversed(settings.__mro__[:-1]):
        for part in docstring_parser.parse_from_object(base).params:
            if part.description:
                found[part.arg_name] = part.description
    return found
