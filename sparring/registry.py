"""Names for environments, agents and training methods: one decorator adds one, everything else finds it by name.

Looking a name up imports the folder that registers it (and every distribution with an entry point of the same
group), so a new file is enough and `import sparring` stays light. A distribution that fails is left out with a warning;
a module of ours that fails to import is an error.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from sparring.specs import ARGUMENT, parse_spec, typed_options

NAME = re.compile(r"[^\s,\[\]]+")
left_out: list[str] = []
"""What was left out of the registries: a plug-in's distribution and what went wrong, one line each."""
_sources = [""]
"""The plug-in whose import is registering names, the innermost last; "" for a module of ours or of the caller."""


class UnknownName(KeyError):
    """No such environment, agent, model or key; the message names the nearest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message is the one command that installs it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One registered thing."""

    name: str
    build: Callable[..., Any]
    """Class or function; called with the row's kwargs updated by the caller's."""
    family: str = ""
    summary: str = ""
    seats: int = 1
    skills: tuple[str, ...] = ()
    extra: str | None = None
    """The extra that has to be installed, e.g. "games"."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    version: str = "0"
    config: str = ""
    """Of a training method: "module:Class" of its settings, where they can be had without loading the method."""
    reward_range: tuple[float, float] | None = None
    """Of an environment: the least and the most that a seat can get in an episode, whatever the kwargs; None: unknown.
    The illegal rule "spiral" may go beyond. Intervals of mean rewards stay within it."""
    host: Literal["inline", "process"] = "inline"
    """Where an environment is played: with everything else, or in a process of its own, which may crash or hang."""
    seat_names: tuple[str, ...] = ()
    """Of an environment whose seats are not called player_0, player_1, ...: their names, in order."""
    unit: str = "reward"
    """What an environment's rewards count, for people: chips."""


class Registry:
    """Rows by name. `group` is the entry-point group of third parties, and the package that holds our rows."""

    def __init__(self, kind: str, group: str, package: str = "") -> None:
        self.kind, self.group, self.package = kind, group, package or group
        self._rows: dict[str, Row] = {}
        self.schemes: dict[str, Callable[[str], Row]] = {}
        """What makes a row of a name that nobody registered: `gym:FrozenLake-v1` asks "gym" for "FrozenLake-v1"."""
        self._made: dict[str, Row] = {}
        self._plugins: dict[str, str] = {}
        """The plug-ins that registered rows, by the rows' names."""
        self._loaded = self._loading = False

    def register(self, name: str, **row: Any) -> Callable[[Any], Any]:
        """Class or function decorator; a name that is taken raises ValueError naming both owners."""

        def add(build: Any) -> Any:
            summary = (build.__doc__ or "").strip().partition("\n")[0]
            self.add(Row(name=name, build=build, **{"summary": summary, **row}))
            return build

        return add

    def add(self, row: Row) -> None:
        """Add a row without the decorator. Raises ValueError for one that nobody could use, or a name that is taken."""
        _require_usable(self.kind, row)
        taken, plugin = self._rows.get(row.name), _sources[-1]
        of_another = bool(plugin) and self._plugins.get(row.name, "") != plugin
        if taken is not None and (of_another or _owner(taken.build) != _owner(row.build)):
            raise ValueError(
                f"{self.kind} {row.name!r} is registered twice: by {_owner(taken.build)} and by {_owner(row.build)}"
            )
        self._rows[row.name] = row
        if plugin:
            self._plugins[row.name] = plugin

    def row(self, name: str) -> Row:
        """The row of a name. Raises UnknownName with the nearest names."""
        self.load()
        scheme, _, rest = name.partition(":")
        if name not in self._rows and rest and scheme in self.schemes:
            return self._unregistered(scheme, rest)
        if name not in self._rows:
            raise UnknownName(unknown(self.kind, name, self._rows))
        return self._rows[name]

    def _unregistered(self, scheme: str, rest: str) -> Row:
        """A row that a scheme makes; it is not listed among those that are registered."""
        name = f"{scheme}:{rest}"
        if name not in self._made:
            self._made[name] = replace(self.schemes[scheme](rest), name=name)
        return self._made[name]

    def make(self, name: str, **kwargs: Any) -> Any:
        """Build the thing of that name; kwargs override the row's."""
        row = self.row(name)
        return row.build(**{**row.kwargs, **kwargs})

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been registered so far; nothing is loaded to find out."""
        return not self._rows

    def __iter__(self) -> Iterator[Row]:
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
            with _registering(""):
                import_submodules(self.package)
            for point in sorted(entry_points(group=self.group)):
                _load_plugin(point)
            self._loaded = True
        finally:
            self._loading = False

    def leave_out(self, name: str, error: Exception) -> None:
        """Take out a plug-in's row that came to nothing, with a warning. Raises the error where it is no plug-in's."""
        if name not in self._plugins:
            raise error
        _warn(self._plugins[name], error)
        del self._rows[name], self._plugins[name]

    def forget(self, plugin: str) -> None:
        """Take out what a plug-in has registered."""
        for name in [name for name, source in self._plugins.items() if source == plugin]:
            del self._rows[name], self._plugins[name]


envs = Registry("environment", "sparring.envs")
agents = Registry("agent", "sparring.agents")
trainers = Registry("training method", "sparring.trainers", package="sparring.trainers.methods")


def make_agent(spec: str, **extra: Any) -> Any:
    """The agent that a spec names: "random", "constant:bet", "tree-of-code:smollm2:width=3".

    Raises UnknownName, and ValueError where the argument is missing or too much, or an option is wrong.
    """
    parsed = parse_spec(spec)
    build = agents.row(parsed.name).build
    argument = inspect.signature(build).parameters.get(ARGUMENT)
    if parsed.argument is not None and argument is None:
        raise ValueError(f"agent {parsed.name!r} takes no argument, got {spec!r}")
    if argument is not None and argument.default is argument.empty and not parsed.argument:
        raise ValueError(f"agent {parsed.name!r} needs an argument after a colon, `{parsed.name}:...`, got {spec!r}")
    options = typed_options(f"agent {parsed.name!r}", build, parsed.options)
    given = {} if parsed.argument is None else {ARGUMENT: parsed.argument}
    return agents.make(parsed.name, **given, **{**extra, **options})


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


def _load_plugin(point: EntryPoint) -> None:
    """Import what an entry point names. What breaks, by whatever exception, leaves no name and no module behind."""
    plugin, before = f"{_named(point.dist)} ({point.value})", set(sys.modules)
    try:
        with _registering(plugin):
            point.load()
    except BaseException as error:  # SystemExit and worse included
        for registry in (envs, agents, trainers):
            registry.forget(plugin)
        package = point.value.partition(":")[0].partition(".")[0]
        for name in [name for name in sys.modules.keys() - before if name.partition(".")[0] == package]:
            del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        _warn(plugin, error)


@contextmanager
def _registering(plugin: str) -> Iterator[None]:
    _sources.append(plugin)
    try:
        yield
    finally:
        _sources.pop()


def _named(distribution: Any) -> str:
    try:
        if distribution.name:
            return f"{distribution.name} {distribution.version}"
    except Exception:  # noqa: BLE001, S110  (its metadata are missing or damaged)
        pass
    return str(getattr(distribution, "_path", "of an unknown distribution"))


def _warn(plugin: str, error: BaseException) -> None:
    """Say once, in one line, what is left out."""
    said = " ".join(traceback.format_exception_only(error)[-1].split())
    line = f"the plug-in {plugin} is left out: {said[:300]}"
    if line not in left_out:
        left_out.append(line)
        warnings.warn_explicit(line, RuntimeWarning, "sparring", 1)


def unknown(kind: str, name: str, known: Any) -> str:
    """The one sentence for an unknown name: the nearest right ones, or all of them when none is near."""
    names = sorted(known)
    folded = {other.lower(): other for other in names}
    near = [folded[match] for match in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    near = near or [other for other in names if name and name.lower() in other.lower()][:3]
    if near:
        return f"unknown {kind} {name!r}; did you mean {', '.join(map(repr, near))}?"
    return f"unknown {kind} {name!r}; known: {', '.join(names) or 'none'}"


def require(module: str, extra: str) -> Any:
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


def _owner(build: Any) -> str:
    return f"{getattr(build, '__module__', '?')}.{getattr(build, '__qualname__', build)}"


def _require_usable(kind: str, row: Row) -> None:
    """Raises ValueError for what is no row, or a row of values that make every list of names fail."""
    if not isinstance(row, Row):
        raise ValueError(f"{kind}: a Row must be added, got {row!r}")
    rules = {
        "name": (isinstance(row.name, str) and bool(NAME.fullmatch(row.name)), "text without blanks, commas, brackets"),
        "build": (callable(row.build), "callable"),
        "family": (isinstance(row.family, str), "text"),
        "summary": (isinstance(row.summary, str), "text"),
        "seats": (type(row.seats) is int and row.seats >= 1, "a whole number >= 1"),
        "skills": (_are_texts(row.skills), "a tuple of texts"),
        "extra": (row.extra is None or isinstance(row.extra, str), "text or None"),
        "kwargs": (isinstance(row.kwargs, Mapping), "a mapping"),
        "version": (isinstance(row.version, str), "text"),
        "config": (isinstance(row.config, str), "text"),
        "reward_range": (row.reward_range is None or _is_range(row.reward_range), "(least, most) or None"),
    }
    for name, (held, rule) in rules.items():
        if not held:
            raise ValueError(f"{kind} {row.name!r}: {name} must be {rule}, got {getattr(row, name)!r}")


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)


def _is_range(value: Sequence[Any]) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, int | float) for end in value)
