"""What is registered, read from the sources: names and their help without importing torch.

A decorator `@registry.trainers.register("spiral", family=..., config="module:Class")` with plain literals is enough.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

from sparring.registry import MethodRow, Registry, Row, UnknownName, trainers, unknown

RowT = TypeVar("RowT", bound=Row[Any])
Fields = ParamSpec("Fields")
Runner = Callable[[list[str], type], int]
"""Given the words after `sparring train` and the class of the settings; returns the exit code."""


REGISTERS = ("envs.register", "agents.register", "trainers.register")
"""How a decorator that registers is written, after the name of the module, if there is one."""


def outline(registry: Registry[RowT, Fields]) -> list[RowT]:
    """The rows of a registry by name; `build` gives the thing itself, which imports its module.

    Where plug-ins or the caller register things of this kind, everything is imported: their sources may do anything.
    """
    if not registry.is_empty or entry_points(group=registry.group):
        return list(registry)
    package = importlib.util.find_spec(registry.package)  # found, not imported
    folders = (package and package.submodule_search_locations) or ()
    rows = [
        row for folder in folders for source in _sources(Path(folder)) for row in _rows_of(source, registry.row_type)
    ]
    return sorted(rows, key=lambda row: row.name)


def find_row(registry: Registry[RowT, Fields], name: str) -> RowT:
    """The row of a name, from the outline. Raises UnknownName with the nearest names."""
    rows = {row.name: row for row in outline(registry)}
    if name not in rows:
        raise UnknownName(unknown(registry.kind, name, rows))
    return rows[name]


def config_of(row: MethodRow) -> type:
    """The class of a method's settings: from the module that `config` names, else the method's own `config_type`."""
    if not row.config:
        return trainers.row(row.name).build.config_type
    config_type: type = _named(row.config)
    return config_type


def runner_of(row: MethodRow, by_updates: Runner) -> Runner:
    """What `sparring train` calls for a method: what its row names, else `by_updates`."""
    if not row.runner:
        return by_updates
    runner: Runner = _named(row.runner)
    return runner


def _named(place: str) -> Any:
    """What "module:name" names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _sources(folder: Path) -> Iterator[str]:
    """The text of every module that `registry.import_submodules` would import."""
    for module in pkgutil.iter_modules([str(folder)]):
        if not module.ispkg and not module.name.startswith("_"):
            yield (folder / f"{module.name}.py").read_text(encoding="utf-8")
        elif module.ispkg and "\nREGISTERS = False\n" not in (folder / module.name / "__init__.py").read_text("utf-8"):
            yield from _sources(folder / module.name)


def _rows_of(source: str, row_type: Callable[..., RowT]) -> Iterator[RowT]:
    if ".register(" not in source:
        return
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            calls = (call for call in node.decorator_list if isinstance(call, ast.Call))
            for call in calls:
                if ast.unparse(call.func).endswith(REGISTERS):
                    yield _row(call, ast.get_docstring(node) or "", row_type)


def _row(decorator: ast.Call, doc: str, row_type: Callable[..., RowT]) -> RowT:
    """What is no literal (an infinite range, a function of the options) is worked out by the registry only."""
    given = {word.arg: ast.literal_eval(word.value) for word in decorator.keywords if word.arg and _is_literal(word)}
    name = ast.literal_eval(decorator.args[0])
    return row_type(name, _not_imported, **{"summary": doc.partition("\n")[0], **given})


def _is_literal(word: ast.keyword) -> bool:
    try:
        ast.literal_eval(word.value)
    except ValueError:
        return False
    return True


def _not_imported(*args: object, **kwargs: object) -> NoReturn:
    raise RuntimeError("a row of the outline builds nothing: ask the registry for the name")
