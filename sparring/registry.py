"""Names for environments, agents and training methods: one decorator adds one, everything else finds it by name.

Looking a name up imports the folder that registers it (and every distribution with an entry point of the same
group), so a new file is enough and `import sparring` stays light.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any


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
    reward_range: tuple[float, float] | None = None
    """Of an environment: the least and the most that a seat can get in an episode, whatever the kwargs; None: unknown.
    The illegal rule "spiral" may go beyond. Intervals of mean rewards stay within it."""
    unit: str = "reward"
    """What an environment's rewards count, for people: chips."""


class Registry:
    """Rows by name. `group` is both the package that holds our rows and the entry-point group of third parties."""

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._rows: dict[str, Row] = {}
        self._loaded = False

    def register(self, name: str, **row: Any) -> Callable[[Any], Any]:
        """Class or function decorator; a name that is taken raises ValueError naming both owners."""

        def add(build: Any) -> Any:
            summary = (build.__doc__ or "").strip().partition("\n")[0]
            self.add(Row(name=name, build=build, **{"summary": summary, **row}))
            return build

        return add

    def add(self, row: Row) -> None:
        """Add a row without the decorator."""
        taken = self._rows.get(row.name)
        if taken is not None and _identity(taken.build) != _identity(row.build):
            raise ValueError(
                f"{self.kind} {row.name!r} is registered twice: by {_owner(taken.build)} and by {_owner(row.build)}"
            )
        self._rows[row.name] = row

    def row(self, name: str) -> Row:
        """The row of a name. Raises UnknownName with the nearest names."""
        self.load()
        if name not in self._rows:
            raise UnknownName(unknown(self.kind, name, self._rows))
        return self._rows[name]

    def make(self, name: str, **kwargs: Any) -> Any:
        """Build the thing of that name; kwargs override the row's."""
        row = self.row(name)
        return row.build(**{**row.kwargs, **kwargs})

    def __iter__(self) -> Iterator[Row]:
        self.load()
        return iter([self._rows[name] for name in sorted(self._rows)])

    def load(self) -> None:
        """Import every module that registers rows, once."""
        if self._loaded:
            return
        self._loaded = True
        import_submodules(self.group)
        for point in entry_points(group=self.group):
            point.load()


envs = Registry("environment", "sparring.envs")
agents = Registry("agent", "sparring.agents")
trainers = Registry("training method", "sparring.trainers")


def make_agent(spec: str) -> Any:
    """The agent a spec names: "random", or "constant:bet" where what follows the colon is the agent's argument."""
    name, colon, argument = spec.partition(":")
    return agents.make(name, argument=argument) if colon else agents.make(name)


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


def installed(module: str) -> bool:
    """Whether an optional dependency could be imported."""
    return importlib.util.find_spec(module) is not None


def _owner(build: Any) -> str:
    return f"{getattr(build, '__module__', '?')}.{getattr(build, '__qualname__', build)}"


def _identity(build: Any) -> str:
    return _owner(build)
