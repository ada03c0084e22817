"""One registered thing: a row, with what each kind of thing says of itself beside its name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, get_args

from sparring.protocols import Agent
from sparring.specs import require_names, require_values

Host = Literal["inline", "process", "engine"]
NAME = re.compile(r"[^\s,\[\]]+")
Thing = TypeVar("Thing", covariant=True)
Environment = Any
"""A PettingZoo AECEnv or ParallelEnv, or a Gymnasium Env: two libraries without a common base."""


class Method(Protocol):
    """What names and help need of a training method; `trainers` has the rest."""

    config_type: ClassVar[type]
    """The dataclass of its settings."""


@dataclass(frozen=True, slots=True)
class Row(Generic[Thing]):
    """One registered thing."""

    name: str
    build: Callable[..., Thing]
    """Class or function; called with the row's kwargs updated by the caller's."""
    family: str = ""
    summary: str = ""
    extra: str | None = None
    """The extra that has to be installed, e.g. "games"."""
    kwargs: Mapping[str, object] = field(default_factory=dict)

    def given(self, options: Mapping[str, object]) -> Self:
        """The row with these options beside its own."""
        return replace(self, kwargs={**self.kwargs, **options})

    def require_values(self) -> None:
        """Raises ValueError for an option of another type than what builds it declares."""

    def require_as_said(self, built: object) -> None:
        """Raises ValueError where what was built is not what the row says."""

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Of the fields: whether the value may be used, and what would be right."""
        return {
            "name": (
                isinstance(self.name, str) and bool(NAME.fullmatch(self.name)),
                "text without blanks, commas, brackets",
            ),
            "build": (callable(self.build), "callable"),
            "family": (isinstance(self.family, str), "text"),
            "summary": (isinstance(self.summary, str), "text"),
            "extra": (self.extra is None or isinstance(self.extra, str), "text or None"),
            "kwargs": (isinstance(self.kwargs, Mapping), "a mapping"),
        }


@dataclass(frozen=True, slots=True)
class EnvironmentRow(Row[Environment]):
    """One environment."""

    seats: int = 1
    skills: tuple[str, ...] = ()
    version: str = "0"
    """Raised when its seeds give other episodes than before."""
    reward_range: tuple[float, float] | None = None
    """The least and the most that a seat can get in an episode, whatever the kwargs; None: unknown. An end that is
    unknown, or so far away that it says nothing, is infinite. The illegal rule "spiral" may go beyond. Intervals of
    mean rewards stay within it."""
    range_with: str = ""
    """Where options decide what can be paid: "module:function", which gives the range with a mapping of options."""
    host: Host = "inline"
    """Where it is played: with everything else, or in a process of its own, which may crash or hang; "engine" where the
    environment starts such a process itself."""
    engine_with: Mapping[str, object] = field(default_factory=dict)
    """Options with one of which an environment that is else inline starts a process itself: {"backend": "inform7"}."""
    seat_names: tuple[str, ...] = ()
    """Of an environment whose seats are not called player_0, player_1, ...: their names, in order."""
    seats_with: Callable[[Mapping[str, object]], tuple[str, ...]] | None = None
    """Of an environment whose options name its seats: their names with these options."""
    seats_option: str = ""
    """The option that says how many seats there are, of an environment that has one: "players"."""
    roles: bool = False
    """Whether its seats do different things: then agents keep the seats in the order in which they are named."""
    unit: str = "reward"
    """What its rewards count, for people: chips."""

    @property
    def seat_ids(self) -> tuple[str, ...]:
        """What its seats are called, in order."""
        return tuple(self.seat_names) or tuple([f"player_{index}" for index in range(self.seats)])

    def given(self, options: Mapping[str, object]) -> Self:
        """The row with these options beside its own, which may say how many seats there are, or name them.

        Raises ValueError for options that the environment does not take.
        """
        require_names(f"environment {self.name}", self.build, options)
        row = replace(self, kwargs={**self.kwargs, **options})
        count = row.kwargs.get(self.seats_option)
        if type(count) is int and count >= 1:
            row = replace(row, seats=count)
        return row if row.seats_with is None else replace(row, seat_names=row.seats_with(row.kwargs))

    def rewards_with(self, kwargs: Mapping[str, object]) -> tuple[float, float] | None:
        """The range of rewards of an environment with these options; None: unknown."""
        if not self.range_with:
            return self.reward_range
        module, _, name = self.range_with.partition(":")
        least, most = getattr(importlib.import_module(module), name)({**self.kwargs, **kwargs})
        return float(least), float(most)

    def has_process(self, kwargs: Mapping[str, object]) -> bool:
        """Whether an environment with these options has a process of its own while it is in play."""
        given = {**self.kwargs, **kwargs}
        return self.host != "inline" or any(given.get(name) == value for name, value in self.engine_with.items())

    def require_values(self) -> None:
        """Raises ValueError for an option of another type than the environment declares."""
        require_values(f"environment {self.name}", self.build, self.kwargs)

    def require_as_said(self, built: object) -> None:
        """Raises ValueError where the environment's seats have other names, or are more or fewer: nobody could play."""
        seats = getattr(built, "possible_agents", None)
        said = self.seat_ids
        if seats is not None and tuple(seats) != said:
            raise ValueError(
                f"environment {self.name} has the seats {', '.join(map(repr, seats))}, and its row says "
                f"{', '.join(map(repr, said))}: register it with seats={len(seats)}, seat_names={tuple(seats)!r}"
            )

    def rules(self) -> dict[str, tuple[bool, str]]:
        """As of every row, and those of an environment."""
        return {
            **Row.rules(self),
            "seats": (type(self.seats) is int and self.seats >= 1, "a whole number >= 1"),
            "skills": (_are_texts(self.skills), "a tuple of texts"),
            "version": (isinstance(self.version, str), "text"),
            "reward_range": (self.reward_range is None or _is_range(self.reward_range), "(least, most) or None"),
            "range_with": (not self.range_with or ":" in self.range_with, '"module:function"'),
            "host": (self.host in get_args(Host), " or ".join(get_args(Host))),
            "engine_with": (isinstance(self.engine_with, Mapping), "a mapping"),
            "seat_names": (
                _are_texts(self.seat_names) and len(self.seat_names) in (0, self.seats),
                "one text a seat, or none",
            ),
            "seats_with": (self.seats_with is None or callable(self.seats_with), "callable or None"),
            "seats_option": (isinstance(self.seats_option, str), "text"),
            "roles": (isinstance(self.roles, bool), "True or False"),
            "unit": (isinstance(self.unit, str), "text"),
        }


@dataclass(frozen=True, slots=True)
class AgentRow(Row[Agent]):
    """One agent."""


@dataclass(frozen=True, slots=True)
class MethodRow(Row[Method]):
    """One training method."""

    build: type[Method]
    config: str = ""
    """ "module:Class" of its settings, where they can be had without loading the method."""
    runner: str = ""
    """ "module:function" that `sparring train` hands its words and the class of the settings to, for the exit code;
    "" for a method of `Run`, which trains by updates."""

    def rules(self) -> dict[str, tuple[bool, str]]:
        """As of every row, and those of a method."""
        said = {name: isinstance(getattr(self, name), str) for name in ("config", "runner")}
        return {**Row.rules(self), **{name: (held, "text") for name, held in said.items()}}


def require_usable(kind: str, row: object, row_type: object) -> None:
    """Raises ValueError for what is no row of that kind, or a row of values that make every list of names fail."""
    if not isinstance(row, Row) or type(row) is not row_type:
        raise ValueError(f"{kind}: {getattr(row_type, '__name__', row_type)} must be added, got {row!r:.200}")
    for name, (held, rule) in row.rules().items():
        if not held:
            raise ValueError(f"{kind} {row.name!r}: {name} must be {rule}, got {getattr(row, name)!r}")


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)


def _is_range(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(end, int | float) for end in value)
        and value[0] <= value[1]
    )
