"""A text adventure as a replay shows it: map, score, inventory, skills, and the plan beside what was done.

It is read out of what the environment said at every turn (`info`): `score` and `max_score` make an episode an
adventure, `room`, `inventory` and `skill` are shown where they are there, and so is `hidden["plan"]` of the first turn.
Nothing of it is trusted: what is not of its kind is left out, and every text is shown as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sparring.types import Episode, Turn

Cell = tuple[int, int]
STEPS: Mapping[str, Cell] = {
    **{"north": (0, -1), "south": (0, 1), "east": (1, 0), "west": (-1, 0)},
    **{"northeast": (1, -1), "northwest": (-1, -1), "southeast": (1, 1), "southwest": (-1, 1)},
    **{"up": (1, -1), "down": (-1, 1), "in": (1, 1), "out": (-1, -1)},
}
"""Where a way leads on the map."""
MOST_ROOMS = 60
MOST_PLAN = 200
MOST_CHARACTERS = 60
"""Of a name."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that was visited, and its place in the grid."""

    name: str
    x: int
    y: int
    first: int
    """Position among the episode's turns at which it was first seen."""


@dataclass(frozen=True, slots=True)
class Way:
    """From room to room, by their places in the list; to -1 where nobody went."""

    room: int
    to: int
    direction: str
    first: int
    """Position among the episode's turns at which it was first known."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what the player had before it."""

    turn: int
    """Position among the episode's turns."""
    command: str
    legal: bool
    gained: float
    skill: str
    """Of the command."""
    room: int
    """-1 where it is not known."""
    score: float
    inventory: tuple[str, ...] | None
    planned: int
    """Which command of the plan it is; -1 for none."""


@dataclass(frozen=True, slots=True)
class Adventure:
    """An episode as an adventure; the map is `width` by `height` cells."""

    seat: str
    max_score: float
    last_score: float
    rooms: tuple[Room, ...]
    ways: tuple[Way, ...]
    steps: tuple[Step, ...]
    plan: tuple[str, ...]
    width: int
    height: int


def adventure(episode: Episode) -> Adventure | None:
    """Of an episode's first seat whose observations say score and highest score; None where there is none."""
    for seat, trajectory in episode.trajectories.items():
        turns = trajectory.turns
        if turns and _number(turns[0].observation.info.get("max_score")) and _is_scored(turns[0].observation.info):
            positions = [place for place, (whose, _) in enumerate(episode.turns) if whose == seat]
            return _adventure(seat, turns, trajectory.outcomes, positions)
    return None


def _adventure(
    seat: str, turns: Sequence[Turn], outcomes: Sequence[Mapping[str, object]], positions: Sequence[int]
) -> Adventure:
    names = [_text(turn.observation.info.get("room")) for turn in turns]
    last = _text(outcomes[-1].get("room")) if outcomes else ""
    places = _places([*names, last], [turn.action for turn in turns])
    numbers = {name: number for number, name in enumerate(places)}
    firsts = dict(reversed(list(zip(names, positions, strict=True))))
    left, top = (min((cell[axis] for cell in places.values()), default=0) for axis in (0, 1))
    rooms = tuple(Room(name, x - left, y - top, firsts.get(name, positions[-1] + 1)) for name, (x, y) in places.items())
    plan = _texts(turns[0].hidden.get("plan"))[:MOST_PLAN]
    planned = _planned(plan, turns)
    steps = tuple(
        Step(
            turn=positions[place],
            command=turn.action[:MOST_CHARACTERS],
            legal=turn.legal,
            gained=turn.reward,
            skill=_text(outcome.get("skill")),
            room=numbers.get(names[place], -1),
            score=_number(turn.observation.info.get("score")) or 0.0,
            inventory=_inventory(turn.observation.info),
            planned=planned.get(place, -1),
        )
        for place, (turn, outcome) in enumerate(zip(turns, outcomes, strict=True))
    )
    return Adventure(
        seat=seat,
        max_score=_number(turns[0].observation.info.get("max_score")) or 0.0,
        last_score=_number(outcomes[-1].get("score")) or 0.0,
        rooms=rooms,
        ways=_ways(numbers, names, last, turns, positions),
        steps=steps,
        plan=plan,
        width=1 + max((room.x for room in rooms), default=0),
        height=1 + max((room.y for room in rooms), default=0),
    )


def _places(names: Sequence[str], actions: Sequence[str]) -> dict[str, Cell]:
    """A cell of a grid for every room, in the order of the visits: next to the room before, in the way's direction."""
    places: dict[str, Cell] = {}
    before = ""
    for name, action in zip(names, ["", *actions], strict=True):
        if name and name not in places and len(places) < MOST_ROOMS:
            places[name] = _free_cell(places, before, _direction(action))
        before = name or before
    return places


def _free_cell(places: Mapping[str, Cell], before: str, direction: str) -> Cell:
    taken = set(places.values())
    x, y = places.get(before, (0, 0))
    dx, dy = STEPS.get(direction, (1, 0))
    ahead = [(x + reach * dx, y + reach * dy) for reach in range(1, MOST_ROOMS + 2)]
    return (0, 0) if not taken else next(cell for cell in ahead if cell not in taken)


def _ways(
    numbers: Mapping[str, int], names: Sequence[str], last: str, turns: Sequence[Turn], positions: Sequence[int]
) -> tuple[Way, ...]:
    """Those that were gone, then those that were listed and nobody took."""
    gone: dict[tuple[int, str], Way] = {}
    for (name, to), turn, position in zip(pairwise([*names, last]), turns, positions, strict=True):
        room, direction = numbers.get(name, -1), _direction(turn.action)
        if room >= 0 and to in numbers and to != name:
            gone.setdefault((room, direction), Way(room, numbers[to], direction, position))
    known: dict[tuple[int, str], Way] = {}
    for name, turn, position in zip(names, turns, positions, strict=True):
        for command in turn.observation.legal_actions or ():
            key = (numbers.get(name, -1), _direction(command))
            if key[0] >= 0 and key[1] and key not in gone:
                known.setdefault(key, Way(key[0], -1, key[1], position))
    return (*gone.values(), *known.values())


def _direction(command: str) -> str:
    """Of `go north`; "" for any other command."""
    verb, _, direction = command.partition(" ")
    return direction if verb == "go" and direction in STEPS else ""


def _planned(plan: Sequence[str], turns: Sequence[Turn]) -> dict[int, int]:
    """Which turn did which command of the plan: each command once, by the first turn that did it."""
    waiting: dict[str, list[int]] = {}
    for number, command in enumerate(plan):
        waiting.setdefault(command, []).append(number)
    found: dict[int, int] = {}
    for place, turn in enumerate(turns):
        numbers = waiting.get(turn.action)
        if numbers and turn.legal:
            found[place] = numbers.pop(0)
    return found


def _is_scored(info: Mapping[str, object]) -> bool:
    return _number(info.get("score")) is not None


def _inventory(info: Mapping[str, object]) -> tuple[str, ...] | None:
    return _texts(info["inventory"]) if isinstance(info.get("inventory"), list | tuple) else None


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]


def _text(value: object) -> str:
    return value[:MOST_CHARACTERS] if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list | tuple) else ()
