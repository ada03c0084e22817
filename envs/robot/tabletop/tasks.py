"""The tasks of the tabletop: what is asked, where things stand, and what must hold at the end.

    seed ─► family, colours, places, drawer open or closed ─► instruction, goal, the shortest plan

Training and held-out tasks share no instruction: which split an instruction belongs to is decided by its hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sparring.envs.code.split_rng import SPLITS, Split, split_of
from sparring.robotics.words import Clause, Subgoal, Thing
from sparring.types import derive_seed

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")
CUBES = 4
CUBE_ZONE = ((-0.24, 0.08), (-0.22, 0.10))
"""x and y of the cubes at the start, metres."""
CUBE_DISTANCE = 0.075
"""Between two cubes at the start, at least."""
BIN, DRAWER, LAMP = "bin", "drawer", "lamp"
Plan = tuple[Subgoal, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    family: str
    instruction: str
    cubes: tuple[str, ...]
    """Names, in the order of the state vector."""
    places: tuple[tuple[float, float], ...]
    """x, y of every cube, metres."""
    drawer_open: bool
    goal: tuple[Clause, ...]
    plan: Plan
    """The shortest plan."""

    @property
    def things(self) -> dict[str, Thing]:
        """What can be named."""
        cubes = {name: Thing(name, frozenset({"pick up"}), "on") for name in self.cubes}
        return cubes | {
            BIN: Thing(BIN, holds="in"),
            DRAWER: Thing(DRAWER, frozenset({"open", "close"}), "in"),
            LAMP: Thing(LAMP, frozenset({"turn on", "turn off"})),
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What a family asks for, about some of the cubes."""

    instruction: str
    goal: tuple[Clause, ...]
    plan: Plan
    drawer_open: bool = False


def put(thing: str, where: str, relation: str = "in") -> Plan:
    """Pick up and place."""
    assert relation in ("in", "on")
    return Subgoal("pick up", thing), Subgoal("place", thing, "in" if relation == "in" else "on", where)


def _inside(thing: str, where: str) -> Clause:
    return Clause("in", (thing, where))


def _bin(a: str, b: str, c: str) -> Wish:
    return Wish(f"put the {a} in the bin", (_inside(a, BIN),), put(a, BIN))


def _two(a: str, b: str, c: str) -> Wish:
    goal = (_inside(a, BIN), _inside(b, BIN))
    return Wish(f"put the {a} and the {b} in the bin", goal, put(a, BIN) + put(b, BIN))


def _stack(a: str, b: str, c: str) -> Wish:
    return Wish(f"stack the {a} on the {b}", (Clause("on", (a, b)),), put(a, b, "on"))


def _tower(a: str, b: str, c: str) -> Wish:
    goal = (Clause("on", (b, c)), Clause("on", (a, b)))
    return Wish(f"build a tower: the {a} on the {b}, and that on the {c}", goal, put(b, c, "on") + put(a, b, "on"))


def _drawer(a: str, b: str, c: str) -> Wish:
    goal = (_inside(a, DRAWER), Clause("closed", (DRAWER,)))
    plan = (Subgoal("open", DRAWER), *put(a, DRAWER), Subgoal("close", DRAWER))
    return Wish(f"put the {a} in the drawer and close it", goal, plan)


def _light(a: str, b: str, c: str) -> Wish:
    goal = (_inside(a, BIN), Clause("turned on", (LAMP,)))
    return Wish(f"put the {a} in the bin and turn on the lamp", goal, (*put(a, BIN), Subgoal("turn on", LAMP)))


def _tidy(a: str, b: str, c: str) -> Wish:
    goal = (_inside(a, BIN), Clause("closed", (DRAWER,)), Clause("turned on", (LAMP,)))
    plan = (*put(a, BIN), Subgoal("close", DRAWER), Subgoal("turn on", LAMP))
    return Wish(f"put the {a} in the bin, close the drawer and turn on the lamp", goal, plan, drawer_open=True)


def _everything(a: str, b: str, c: str) -> Wish:
    goal = (_inside(a, DRAWER), Clause("closed", (DRAWER,)), _inside(b, BIN), Clause("turned on", (LAMP,)))
    plan = (
        *(Subgoal("open", DRAWER), *put(a, DRAWER), Subgoal("close", DRAWER)),
        *(*put(b, BIN), Subgoal("turn on", LAMP)),
    )
    said = f"put the {a} in the drawer and close it, put the {b} in the bin, and turn on the lamp"
    return Wish(said, goal, plan)


FAMILIES: Mapping[str, Callable[[str, str, str], Wish]] = {
    "bin": _bin,
    "two": _two,
    "stack": _stack,
    "tower": _tower,
    "drawer": _drawer,
    "light": _light,
    "tidy": _tidy,
    "everything": _everything,
}


def task_of(seed: int, split: Split, family: str | None = None) -> Task:
    """The task of a seed. Raises ValueError for a split or a family that there is not."""
    if split not in SPLITS:
        raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
    if family is not None and (not isinstance(family, str) or family not in FAMILIES):
        raise ValueError(f"task must be one of {', '.join(FAMILIES)}, got {family!r}")
    rng = np.random.default_rng(derive_seed("tabletop", seed))
    wanted = family or tuple(FAMILIES)[int(rng.integers(len(FAMILIES)))]
    while True:
        cubes = tuple(f"{COLOURS[at]} cube" for at in rng.permutation(len(COLOURS))[:CUBES])
        wish = FAMILIES[wanted](cubes[0], cubes[1], cubes[2])
        if split_of(wish.instruction) == split:
            break
    order = rng.permutation(CUBES)
    named = tuple(cubes[at] for at in order)
    return Task(wanted, wish.instruction, named, _places(rng), wish.drawer_open, wish.goal, wish.plan)


def _places(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    places: list[tuple[float, float]] = []
    while len(places) < CUBES:
        x, y = (float(rng.uniform(low, high)) for low, high in CUBE_ZONE)
        if all((x - other[0]) ** 2 + (y - other[1]) ** 2 >= CUBE_DISTANCE**2 for other in places):
            places.append((x, y))
    return tuple(places)
