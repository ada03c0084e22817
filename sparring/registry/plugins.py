"""Importing what registers names: our own modules, and other distributions by their entry points."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint

left_out: list[str] = []
"""What was left out of the registries: a plug-in's distribution and what went wrong, one line each."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A distribution's entry point."""

    name: str
    undo: list[Callable[[], object]] = field(default_factory=list)
    """What takes out again each of the rows that it has added."""


_sources: list[Plugin | None] = [None]
"""The plug-in whose import is registering names, the innermost last; None for a module of ours or of the caller."""


def import_submodules(package_name: str) -> None:
    """Import a package and all its public modules, and those of nested packages that hold registered things.

    A nested package with `REGISTERS = False` (the model backends) is left alone: it is heavy and registers nothing.
    """
    package = importlib.import_module(package_name)
    if not getattr(package, "REGISTERS", True):
        return
    for module in pkgutil.iter_modules(package.__path__, package_name + "."):
        if module.ispkg:
            import_submodules(module.name)
        elif not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)


def current_plugin() -> Plugin | None:
    """The plug-in whose import is registering names now; None for a module of ours or of the caller."""
    return _sources[-1]


@contextmanager
def registering(plugin: Plugin | None) -> Iterator[None]:
    """While that plug-in, or a module of ours, is imported."""
    _sources.append(plugin)
    try:
        yield
    finally:
        _sources.pop()


def load_plugin(point: EntryPoint) -> None:
    """Import what an entry point names. What breaks, by whatever exception, leaves no name and no module behind."""
    plugin, before = Plugin(f"{_named(point.dist)} ({point.value})"), set(sys.modules)
    try:
        with registering(plugin):
            point.load()
    except BaseException as error:  # SystemExit and worse included
        for undo in plugin.undo:
            undo()
        package = point.value.partition(":")[0].partition(".")[0]
        for name in [name for name in sys.modules.keys() - before if name.partition(".")[0] == package]:
            del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        warn(plugin.name, error)


def warn(plugin: str, error: BaseException) -> None:
    """Say once, in one line, what is left out."""
    said = " ".join(traceback.format_exception_only(error)[-1].split())
    line = f"the plug-in {plugin} is left out: {said[:300]}"
    if line not in left_out:
        left_out.append(line)
        warnings.warn_explicit(line, RuntimeWarning, "sparring", 1)


def _named(distribution: Distribution | None) -> str:
    try:
        if distribution is not None and distribution.name:
            return f"{distribution.name} {distribution.version}"
    except Exception:  # noqa: BLE001, S110  (its metadata are missing or damaged)
        pass
    return str(getattr(distribution, "_path", "of an unknown distribution"))
