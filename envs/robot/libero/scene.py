"""What is in a scene of LIBERO, in plain words: from the names of a problem file to things that a plan can name.

A problem file knows `akita_black_bowl_1`, `wooden_cabinet_1_top_region` and `main_table_stove_front_region`. A plan
says "black bowl", "top drawer of wooden cabinet" and "area front of stove". No name holds an article, because the
grammar of subgoals drops articles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sparring.robotics.words import Clause, Relation, Thing, Verb

WORDS: Mapping[str, str] = {
    "akita_black_bowl": "black bowl",
    "bigger_akita_black_bowl": "bigger black bowl",
    "chefmate_8_frypan": "frying pan",
    "cookies": "cookie box",
    "desk_caddy": "caddy",
    "flat_stove": "stove",
    "glazed_rim_porcelain_ramekin": "ramekin",
    "new_salad_dressing": "salad dressing",
    "porcelain_mug": "white mug",
    "red_coffee_mug": "red mug",
    "white_yellow_mug": "yellow and white mug",
    "wooden_tray": "tray",
    "wooden_two_layer_shelf": "shelf",
}
TABLES = ("table", "kitchen_table", "living_room_table", "study_table", "coffee_table", "floor")
"""Categories of what everything stands on: it has areas, and no name of its own."""
FIXED = ("basket", "tray", "red basket")
"""Things that are loose in the simulator and never meant to be moved."""
FLAT = ("bowl", "plate", "ramekin", "cookie box")
"""Words of things on which something can stand."""
PREDICATES: Mapping[str, str] = {
    "on": "on",
    "in": "in",
    "open": "open",
    "closed": "close",
    "turned on": "turnon",
    "turned off": "turnoff",
}
"""Ours to LIBERO's."""
OURS = {theirs: ours for ours, theirs in PREDICATES.items()}
TOP = "top_side"
"""The region on top of a fixture: it has the fixture's own name, unless something else has it."""
DRAWER = re.compile(r"(top|middle|bottom)_region")
COMPARTMENT = re.compile(r"(top|bottom|back|front|left|right)(?:_contain)?_region")
SIDE = re.compile(r"(.+)_(left|right|front|back)")
OPENED: frozenset[Verb] = frozenset({"open", "close"})
SWITCHED: frozenset[Verb] = frozenset({"turn on", "turn off"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem file, read."""

    categories: Mapping[str, str]
    """Of everything that is no region, by its name in the file; the movable ones come first, in the file's order."""
    movable: Sequence[str]
    regions: Mapping[str, str]
    """What each region belongs to."""
    inits: Sequence[Sequence[str]]
    goals: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """A thing, and what the simulator calls it."""

    thing: Thing
    body: str
    """The name of the object, the fixture or the region that it is, or that it belongs to."""
    called: Mapping[str, str] = field(default_factory=dict)
    """The name that each of our predicates asks for."""
    loose: bool = False
    """Whether it can be moved by hand."""


def read_problem(parsed: Mapping[str, object]) -> Problem:
    """What LIBERO's parser gives, typed."""
    objects, fixtures = _listed(parsed["objects"]), _listed(parsed["fixtures"])
    regions = {name: str(said["target"]) for name, said in _mapping(parsed["regions"]).items()}
    inits, goals = parsed["initial_state"], parsed["goal_state"]
    assert isinstance(inits, list)
    assert isinstance(goals, list)
    return Problem({**objects, **fixtures}, tuple(objects), regions, inits, goals)


def parts_of(problem: Problem, moves: Callable[[str], bool]) -> dict[str, Part]:
    """Everything that a plan can name, by name; `moves` says of a region or fixture whether it opens or turns."""
    parts = [*_loose(problem), *_fixtures(problem, moves), *_areas(problem)]
    return {part.thing.name: part for part in parts}


def goal_of(problem: Problem, parts: Mapping[str, Part]) -> tuple[Clause, ...]:
    """The goal in our words. Raises ValueError for a clause that they do not reach."""
    return tuple(_clause(goal, parts) for goal in problem.goals)


def _clause(goal: Sequence[str], parts: Mapping[str, Part]) -> Clause:
    ours = OURS[goal[0]]
    last = next((name for name, part in parts.items() if part.called.get(ours) == goal[-1]), None)
    first = next((name for name, part in parts.items() if part.loose and part.body == goal[1]), None)
    if last is None or (len(goal) == 3 and first is None):
        raise ValueError(f"no thing of the scene fits the goal {' '.join(goal)}")
    return Clause(ours, (first, last) if len(goal) == 3 and first else (last,))


def _loose(problem: Problem) -> Iterator[Part]:
    for name in problem.movable:
        words = _words(problem, name)
        plain = WORDS.get(problem.categories[name], words)
        inside = f"{name}_contain_region"
        if plain in FIXED or inside in problem.regions:
            called = {"in": inside} if inside in problem.regions else {}
            yield Part(Thing(words, frozenset(), "in" if called else None), name, called)
        else:
            flat = any(word in words for word in FLAT)
            thing = Thing(words, frozenset({"pick up"}), "on" if flat else None)
            yield Part(thing, name, {"on": name} if flat else {}, loose=True)


def _fixtures(problem: Problem, moves: Callable[[str], bool]) -> Iterator[Part]:
    for name, category in problem.categories.items():
        if name not in problem.movable and category not in TABLES:
            regions = [region for region, owner in problem.regions.items() if owner == name]
            yield from _fixture(name, category, _words(problem, name), regions, moves)


def _fixture(
    name: str, category: str, words: str, regions: Sequence[str], moves: Callable[[str], bool]
) -> Iterator[Part]:
    """A fixture itself, where something can be done with it, and the parts of it that can be named."""
    verbs: frozenset[Verb] = frozenset()
    called: dict[str, str] = {}
    holds: Relation | None = None
    if moves(name) and "stove" in category:
        verbs, called = SWITCHED, {"turned on": name, "turned off": name}
    elif moves(name) and "microwave" in category:
        verbs, called = OPENED, {"open": name, "closed": name}
    for region in sorted(regions, key=lambda region: region.endswith(TOP)):
        short = region[len(name) + 1 :]
        own = _own(category, short) or ("on" if short == TOP and holds is None else None)
        if own:
            holds, called = own, {**called, own: region}
        else:
            yield _part_of(words, short, region, name, moves(region))
    if verbs or holds:
        yield Part(Thing(words, verbs, holds), name, called)


def _own(category: str, short: str) -> Relation | None:
    """How things lie in a region that needs no name beside its fixture's."""
    if short in ("contain_region", "heating_region"):
        return "in"
    return "on" if short == "cook_region" or (short == "top_region" and "rack" in category) else None


def _part_of(words: str, short: str, region: str, owner: str, moves: bool) -> Part:
    if short == TOP:
        return Part(Thing(f"{words} top", frozenset(), "on"), region, {"on": region})
    if moves and (found := DRAWER.fullmatch(short)):
        called = {"open": region, "closed": region, "in": region}
        return Part(Thing(f"{found[1]} drawer of {words}", OPENED, "in"), region, called)
    found = COMPARTMENT.fullmatch(short)
    part = f"{found[1]} compartment" if found else short.removesuffix("_region").replace("_", " ")
    return Part(Thing(f"{part} of {words}", frozenset(), "in"), region, {"in": region})


def _areas(problem: Problem) -> Iterator[Part]:
    """Areas of the table that matter: those of a goal, and those that tell things of one kind apart."""
    twins = {name for name in problem.movable if _is_one_of_many(problem, name)}
    goals = {goal[-1] for goal in problem.goals}
    wanted = goals | {init[-1] for init in problem.inits if init[1] in twins}
    for region, owner in problem.regions.items():
        if region in wanted and problem.categories.get(owner, "table") in TABLES:
            name = _area(region[len(owner) + 1 :])
            if region in goals:
                yield Part(Thing(name, frozenset(), "on"), region, {"on": region, "at": region})
            else:
                yield Part(Thing(name), region, {"at": region})


def _area(short: str) -> str:
    """ "stove_front_region" is the area front of stove."""
    plain = re.sub(r"_?(?:init_)?region$", "", short)
    for category in sorted(WORDS, key=len, reverse=True):
        plain = plain.replace(category, WORDS[category].replace(" ", "_"))
    sided = SIDE.fullmatch(plain)
    words = f"{sided[2]} of {sided[1]}" if sided else plain
    return "area " + words.replace("_", " ")


def _words(problem: Problem, name: str) -> str:
    """The plain name; its number is kept where there are several of the kind."""
    plain = _plain(problem.categories[name])
    return f"{plain} {name.rpartition('_')[2]}" if _is_one_of_many(problem, name) else plain


def _is_one_of_many(problem: Problem, name: str) -> bool:
    kinds = Counter(_plain(category) for category in problem.categories.values())
    return kinds[_plain(problem.categories[name])] > 1


def _plain(category: str) -> str:
    return WORDS.get(category, category.replace("_", " "))


def _mapping(value: object) -> Mapping[str, Mapping[str, object]]:
    assert isinstance(value, Mapping)
    return value


def _listed(kinds: object) -> dict[str, str]:
    """{"plate": ["plate_1"]} as {"plate_1": "plate"}."""
    assert isinstance(kinds, Mapping)
    return {name: category for category, names in kinds.items() for name in names}
