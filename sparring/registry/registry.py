"""Rows by name, found and loaded when somebody asks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from sparring.kinds import require_kind
from sparring.registry.errors import UnknownName, unknown
from sparring.registry.plugins import current_plugin, import_submodules, load_plugin, registering, warn
from sparring.registry.rows import Row, require_usable
from sparring.specs import Spec, parse_spec, read_options

Built = TypeVar("Built")
Thing_co = TypeVar("Thing_co", covariant=True)
Thing = TypeVar("Thing")
RowT = TypeVar("RowT", bound=Row[Any])
Fields = ParamSpec("Fields")
"""What a row takes beside the name and what builds it."""


class _Rows(Protocol[Thing_co]):
    """A registry of rows that build things of one type."""

    def row(self, name: str) -> Row[Thing_co]:
        """The row of a name."""
        ...


class Registry(Generic[RowT, Fields]):
    """Rows of one kind by name.

    `group` is the entry-point group of third parties, and the package that holds our rows unless `package` names it.
    """

    def __init__(
        self, kind: str, row_type: Callable[Concatenate[str, Any, Fields], RowT], group: str, package: str = ""
    ) -> None:
        self.kind, self.row_type, self.group, self.package = kind, row_type, group, package or group
        self._rows: dict[str, RowT] = {}
        self.schemes: dict[str, Callable[[str], RowT]] = {}
        """What makes a row of a name that nobody registered: `gym:FrozenLake-v1` asks "gym" for "FrozenLake-v1"."""
        self._made: dict[str, RowT] = {}
        self._plugins: dict[str, str] = {}
        """The plug-ins that registered rows, by the rows' names."""
        self._loaded = self._loading = False
        self._added: Callable[[RowT], None] = _ignore
        self._removed: Callable[[str], None] = _ignore

    def tell(self, added: Callable[[RowT], None], removed: Callable[[str], None]) -> None:
        """From now on call `added` with every row that is added, and `removed` with the name of one that is not there
        any more. What `added` raises refuses the row.
        """
        self._added, self._removed = added, removed

    def register(self, name: str, *args: Fields.args, **fields: Fields.kwargs) -> Callable[[Built], Built]:
        """Class or function decorator; a name that is taken raises ValueError naming both owners.

        fields: those of the row; without a `summary` the first line of the docstring is one.
        """

        def add(build: Built) -> Built:
            row = self.row_type(name, build, *args, **fields)
            self.add(row if row.summary else replace(row, summary=(build.__doc__ or "").strip().partition("\n")[0]))
            return build

        return add

    def add(self, row: RowT) -> None:
        """Add a row without the decorator. Raises ValueError for one that nobody could use, or a name that is taken."""
        require_usable(self.kind, row, self.row_type)
        taken, plugin = self._rows.get(row.name), current_plugin()
        of_another = plugin is not None and self._plugins.get(row.name) != plugin.name
        if taken is not None and (of_another or _owner(taken.build) != _owner(row.build)):
            raise self._twice(taken, row)
        self._rows[row.name] = row
        try:
            self._added(row)
        except Exception as error:
            self._take_out(row.name)
            raise ValueError(f"{self.kind} {row.name!r} cannot be registered everywhere: {error}") from error
        if plugin is not None:
            self._plugins[row.name] = plugin.name
            plugin.undo.append(partial(self._take_out, row.name))

    @contextmanager
    def temporary(self, row: RowT) -> Iterator[RowT]:
        """A row that is there during a `with` block, for tests. Raises ValueError for a name that is taken."""
        self.load()
        if row.name in self._rows:
            raise self._twice(self._rows[row.name], row)
        self.add(row)
        try:
            yield row
        finally:
            self._take_out(row.name)

    def row(self, name: str) -> RowT:
        """The row of a name. Raises UnknownName with the nearest names, TypeError for what is no text."""
        require_kind(f"the name of the {self.kind}", name, str, "text")
        self.load()
        if name not in self._rows and (parsed := parse_spec(name)).options:
            return self._with_options(name, parsed)
        scheme, _, rest = name.partition(":")
        if name not in self._rows and rest and scheme in self.schemes:
            return self._unregistered(scheme, rest)
        if name not in self._rows:
            raise UnknownName(unknown(self.kind, name, self._rows))
        return self._rows[name]

    def _unregistered(self, scheme: str, rest: str) -> RowT:
        """A row that a scheme makes; it is not listed among those that are registered."""
        name = f"{scheme}:{rest}"
        if name not in self._made:
            self._made[name] = replace(self.schemes[scheme](rest), name=name)
        return self._made[name]

    def _with_options(self, name: str, parsed: Spec) -> RowT:
        """The row of an id with options, such as `gym:FrozenLake-v1:is_slippery=false`: the id says all of it."""
        if name not in self._made:
            row = self.row(parsed.name if parsed.argument is None else f"{parsed.name}:{parsed.argument}")
            options = read_options(f"{self.kind} {row.name}", row.build, parsed.options)
            self._made[name] = replace(row.given(options), name=name)
        return self._made[name]

    def parts(self, name: str) -> tuple[str, dict[str, object]]:
        """An id without its options, and these: ("gym:FrozenLake-v1", {"is_slippery": False})."""
        parsed = parse_spec(name)
        row = self.row(parsed.name if parsed.argument is None else f"{parsed.name}:{parsed.argument}")
        return row.name, dict(read_options(f"{self.kind} {row.name}", row.build, parsed.options))

    def make(self: _Rows[Thing], name: str, **kwargs: object) -> Thing:
        """Build the thing of that name; kwargs override the row's. Raises ValueError for one not as its row says."""
        row = self.row(name)
        if kwargs:
            row = row.given(kwargs)
        try:
            built = row.build(**row.kwargs)
        except (TypeError, AttributeError):
            row.require_values()  # in words, where a value of a wrong type is why
            raise
        row.require_values()  # afterwards: what a builder says of its own options is said first
        row.require_as_said(built)
        return built

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been registered so far; nothing is loaded to find out."""
        return not self._rows

    def __iter__(self) -> Iterator[RowT]:
        self.load()
        return iter([self._rows[name] for name in sorted(self._rows)])

    def load(self) -> None:
        """Import every module that registers rows, once; where one of ours fails, the next call tries again."""
        if self._loaded:
            return
        importlib.import_module(self.package)  # `sparring.envs` asks for all rows itself while it is imported
        if self._loaded or self._loading:
            return
        self._loading = True
        try:
            with registering(None):
                import_submodules(self.package)
            for point in sorted(entry_points(group=self.group)):
                load_plugin(point)
            self._loaded = True
        finally:
            self._loading = False

    def leave_out(self, name: str, error: Exception) -> None:
        """Take out a plug-in's row that came to nothing, with a warning. Raises the error where it is no plug-in's."""
        if name not in self._plugins:
            raise error
        warn(self._plugins[name], error)
        self._take_out(name)

    def _take_out(self, name: str) -> None:
        self._rows.pop(name, None)
        self._plugins.pop(name, None)
        self._removed(name)

    def _twice(self, taken: RowT, row: RowT) -> ValueError:
        owners = f"by {_owner(taken.build)} and by {_owner(row.build)}"
        return ValueError(f"{self.kind} {row.name!r} is registered twice: {owners}")


def _ignore(row: object) -> None:
    """Nobody wants to be told."""


def _owner(build: object) -> str:
    return f"{getattr(build, '__module__', '?')}.{getattr(build, '__qualname__', build)}"
