"""The theme banks: for each theme its rooms, things, people, verbs, skills and texts, as data.

A theme belongs to one split. No word of a name and no verb of a training theme occurs in a held-out one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Transform:
    """A thing changes its state, at a station or with a tool."""

    item: str
    before: str
    after: str
    verb: str
    preposition: str
    second: str
    skill: str
    message: str


@dataclass(frozen=True, slots=True)
class Mix:
    """Two things become a third."""

    first: str
    preposition: str
    second: str
    verb: str
    product: str
    skill: str
    message: str


@dataclass(frozen=True, slots=True)
class Search:
    """A fixed thing in which something is hidden."""

    place: str
    verb: str
    message: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who gives something for something."""

    name: str
    wants: str
    verb: str
    message: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A vessel that is filled step by step and spills over; one of its middle levels is right."""

    vessel: str
    levels: tuple[str, ...]
    source: str
    verb: str
    preposition: str
    skill: str
    message: str
    spilt: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A goal: things brought to one place."""

    place: str
    task: str
    """With {items}."""
    won: str


@dataclass(frozen=True, slots=True)
class Round:
    """A goal: things handed over in order."""

    receiver: str
    verb: str
    preposition: str
    task: str
    """With {items}."""
    won: str


@dataclass(frozen=True, slots=True)
class Controls:
    """A goal: fixed things that are worked in the right order, in different rooms."""

    verb: str
    names: tuple[str, ...]
    before: str
    after: str
    task: str
    """With {items}."""
    wrong: str
    won: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """What a machine lacks, and what mends it."""

    item: str
    verb: str
    preposition: str
    before: str
    after: str
    skill: str
    message: str


@dataclass(frozen=True, slots=True)
class Engine:
    """A goal: a fixed thing with flaws that are mended before it can be set going."""

    name: str
    verb: str
    task: str
    won: str
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """All that games of a theme are made of."""

    name: str
    split: Split
    titles: tuple[str, ...]
    intros: tuple[str, ...]
    hurry: str
    """Why there is a deadline, as a part of the task."""
    late: str
    """What the player reads when it has passed."""
    rooms: Mapping[str, str]
    containers: tuple[str, ...]
    supporters: tuple[str, ...]
    doors: tuple[str, ...]
    keys: tuple[str, ...]
    clutter: tuple[str, ...]
    scenery: tuple[str, ...]
    transforms: tuple[Transform, ...]
    mixes: tuple[Mix, ...]
    searches: tuple[Search, ...]
    people: tuple[Person, ...]
    measures: tuple[Measure, ...]
    deliveries: tuple[Delivery, ...]
    rounds: tuple[Round, ...]
    controls: tuple[Controls, ...]
    engines: tuple[Engine, ...]
    perishables: Mapping[str, str]
    """Things that must not be carried for long, and what the player reads when they were."""
    texts: Mapping[str, str]
    """What things look like."""


@cache
def all_themes() -> tuple[Theme, ...]:
    """Every theme, by name."""
    sources = [path for path in files(__name__).iterdir() if path.name.endswith(".toml")]
    return tuple(_theme(tomllib.loads(path.read_text("utf-8"))) for path in sorted(sources, key=lambda path: path.name))


@cache
def themes_of(split: Split) -> tuple[Theme, ...]:
    """The themes of a split, by name."""
    return tuple(theme for theme in all_themes() if theme.split == split)


ROWS: dict[str, type] = {
    "transforms": Transform,
    "mixes": Mix,
    "searches": Search,
    "people": Person,
    "measures": Measure,
    "deliveries": Delivery,
    "rounds": Round,
    "controls": Controls,
}


def _theme(data: dict[str, Any]) -> Theme:
    rows = {name: tuple(kind(*map(_frozen, row)) for row in data.get(name, ())) for name, kind in ROWS.items()}
    engines = tuple(_engine(one) for one in data["engines"])
    rest = {name: _frozen(value) for name, value in data.items() if name not in {*ROWS, "engines"}}
    return Theme(**{"perishables": {}, "scenery": (), **rest, **rows, "engines": engines})


def _engine(data: dict[str, Any]) -> Engine:
    name, verb, task, won = data["engine"]
    return Engine(name, verb, task, won, tuple(Flaw(*flaw) for flaw in data["flaws"]))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
