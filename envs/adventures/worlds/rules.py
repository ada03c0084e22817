"""What makes a game sound beyond its schema: every broken rule as a sentence that its writer can act on.

`read_game` takes text or data of any origin, a language model's included, and raises InvalidGame with all of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from sparring.envs.adventures.gate import Refused, gate
from sparring.envs.adventures.worlds.rules_of_facts import violations_of_facts
from sparring.envs.adventures.worlds.spec import (
    LOCKED,
    MOST_VERBS,
    NOWHERE,
    OPEN,
    OPPOSITE,
    Exit,
    Game,
    Thing,
)
from sparring.envs.adventures.worlds.words import LETTERS_THAT_COUNT, OWNED_VERBS, PARSER_WORDS, dictionary_form

MOST_BYTES = 1_000_000
MOST_POINTS = 100
MOST_WORDS = 4
NAME = re.compile(r"[a-z]+(-[a-z]+)*( [a-z]+(-[a-z]+)*)*")
TEXT = re.compile(r"[ !#-Z^-~]*")
"""Printable ASCII without the marks that other engines read: double quotes, brackets, backslashes."""
WITH_CONTENTS = ("container", "supporter", "person")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule."""

    place: str
    """Where: `things[3].key`."""
    rule: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}"


class InvalidGame(ValueError):
    """A game that breaks rules; `violations` has all of them, the message the first few."""

    def __init__(self, violations: list[Violation]) -> None:
        self.violations = violations
        more = f" (and {len(violations) - 3} more)" if len(violations) > 3 else ""
        super().__init__("; ".join(map(str, violations[:3])) + more)


def text_of(file: Path) -> bytes:
    """A file, or as much of it as shows that it is too large. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def read_game(said: str | bytes | Mapping[str, object]) -> Game:
    """The game of JSON text or of data. Raises InvalidGame with every rule that is broken."""
    game = _parsed(said)
    broken = violations_of(game)
    if broken:
        raise InvalidGame(broken)
    return game


def violations_of(game: Game) -> list[Violation]:
    """Every rule that a game of the right shape breaks; an empty list where it is sound."""
    found = [Violation(place, rule) for place, rule in _Rules(game).all()]
    known = not any("there is no" in violation.rule for violation in found)
    return found + ([Violation(place, rule) for place, rule in violations_of_facts(game)] if known else [])


def _parsed(said: str | bytes | Mapping[str, object]) -> Game:
    if isinstance(said, str | bytes) and len(said) > MOST_BYTES:
        raise InvalidGame([Violation("game", f"a game has at most {MOST_BYTES:,} bytes, and this has more")])
    try:
        data = json.loads(said) if isinstance(said, str | bytes) else said
    except (ValueError, RecursionError) as error:
        raise InvalidGame([Violation("game", f"it must be one JSON object: {str(error)[:100]}")]) from error
    try:
        return Game.model_validate(data)
    except ValidationError as error:
        raise InvalidGame(_of_pydantic(error)) from error
    except RecursionError as error:
        raise InvalidGame([Violation("game", "its data are nested too deeply")]) from error


def _of_pydantic(error: ValidationError) -> list[Violation]:
    found: dict[str, Violation] = {}
    for fault in error.errors(include_url=False, include_context=False):
        at = [part for part in fault["loc"] if part not in ("StateFact", "PlaceFact", "RoomFact")]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".") or "game"
        said = fault["msg"][:1].lower() + fault["msg"][1:]
        found.setdefault(place, Violation(place, f"{said}, got {ascii(fault['input'])[:60]}"))
    return list(found.values())


class _Rules:
    """The rules of one game; each yields (place, sentence)."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.rooms = {room.name for room in game.rooms}

    @cached_property
    def things(self) -> dict[str, Thing]:
        return {thing.name: thing for thing in self.game.things}

    def all(self) -> Iterator[tuple[str, str]]:
        """Every rule."""
        yield from self.names()
        yield from self.texts()
        yield from self.references()
        yield from self.kinds()
        yield from self.states()
        yield from self.map()
        yield from self.verbs()
        yield from self.points()

    def names(self) -> Iterator[tuple[str, str]]:
        if not self.game.title.strip():
            yield "title", "it must not be empty"
        named = [(f"rooms[{at}].name", room.name) for at, room in enumerate(self.game.rooms)]
        named += [(f"things[{at}].name", thing.name) for at, thing in enumerate(self.game.things)]
        keys: dict[frozenset[str], str] = {}
        for place, name in named:
            if problem := name_problem(name):
                yield place, problem
            key = letters_of(name)
            if key in keys:
                yield (
                    place,
                    f"{name!r} cannot be told from {keys[key]!r}: names differ in their words' first nine letters"
                    " (a hyphen is two)",
                )
            keys.setdefault(key, name)
        own = [(key, name) for key, name in keys.items() if name in self.things]
        for key, name in own:
            for other, longer in own:
                if key < other:
                    yield "things", f"{name!r} may mean {longer!r} too: give one of them another name"

    def texts(self) -> Iterator[tuple[str, str]]:
        for place, text in _texts(self.game.model_dump(), ""):
            if not TEXT.fullmatch(text):
                yield (
                    place,
                    f"text is printable ASCII without double quotes, brackets and backslashes, got {ascii(text)[:60]}",
                )

    def references(self) -> Iterator[tuple[str, str]]:
        if self.game.start not in self.rooms:
            yield "start", f"there is no room {self.game.start!r}"
        for at, way in enumerate(self.game.exits):
            for field, name in (("room", way.room), ("to", way.to)):
                if name not in self.rooms:
                    yield f"exits[{at}].{field}", f"there is no room {name!r}"
            if way.door is not None and way.door not in self.things:
                yield f"exits[{at}].door", f"there is no thing {way.door!r}"
        for at, thing in enumerate(self.game.things):
            if thing.place not in {*self.rooms, *self.things, "inventory", NOWHERE}:
                yield f"things[{at}].place", f"there is no room or thing {thing.place!r}"
            if thing.key is not None and thing.key not in self.things:
                yield f"things[{at}].key", f"there is no thing {thing.key!r}"
        for at, action in enumerate(self.game.actions):
            for field, name in (("thing", action.thing), ("second", action.second)):
                if name not in self.things and (name or field == "thing"):
                    yield f"actions[{at}].{field}", f"there is no thing {name!r}"

    def kinds(self) -> Iterator[tuple[str, str]]:
        for at, thing in enumerate(self.game.things):
            for problem in self._kind_problems(thing):
                yield f"things[{at}]", f"{thing.name!r}: {problem}"

    def _kind_problems(self, thing: Thing) -> Iterator[str]:
        if thing.portable and thing.kind != "thing":
            yield f"a {thing.kind} cannot be carried: set portable to false, or kind to 'thing'"
        if thing.openable and thing.kind not in ("container", "door"):
            yield f"only a container or a door can be opened, not a {thing.kind}"
        if (thing.open or thing.locked or thing.key) and not thing.openable:
            yield "only what is openable can be open, locked or have a key"
        if thing.locked and thing.open:
            yield "what is locked cannot be open"
        if thing.locked and thing.key is None:
            yield "what is locked needs a key"
        if thing.key in self.things and not self.things[str(thing.key)].portable:
            yield f"its key {thing.key!r} must be portable"
        if not thing.portable and thing.place not in (*self.rooms, NOWHERE):
            yield f"what cannot be carried stands in a room, or nowhere, got {thing.place!r}"
        if thing.kind == "door" and thing.place != NOWHERE:
            yield "the exits say where a door is: leave out its place"
        holder = self.things.get(thing.place)
        if holder is not None and holder.kind not in WITH_CONTENTS:
            yield f"{thing.place!r} is neither container, supporter nor person, so nothing can be in it"

    def states(self) -> Iterator[tuple[str, str]]:
        for at, thing in enumerate(self.game.things):
            counts = Counter(state for group in thing.states for state in group)
            for state, count in counts.items():
                place = f"things[{at}].states"
                if not re.fullmatch(r"[a-z]+(-[a-z]+)*", state) or state in PARSER_WORDS | {OPEN, LOCKED}:
                    yield place, f"a state is one word of small letters that the parser does not own, got {state!r}"
                if count > 1:
                    yield place, f"{state!r} stands there {count} times: a state belongs to one group"
            if any(len(group) < 2 for group in thing.states):
                yield f"things[{at}].states", "a group has at least two states: before and after"

    def map(self) -> Iterator[tuple[str, str]]:
        taken: dict[tuple[str, str], int] = {}
        doors: Counter[str] = Counter()
        for at, way in enumerate(self.game.exits):
            if way.room == way.to:
                yield f"exits[{at}]", f"an exit leads to another room, not from {way.room!r} to itself"
            for side in _sides(way):
                if side in taken:
                    yield f"exits[{at}]", f"{side[0]!r} has two exits {side[1]}: exits[{taken[side]}] is the other one"
                taken.setdefault(side, at)
            if way.door in self.things:
                doors[str(way.door)] += 1
                if self.things[str(way.door)].kind != "door":
                    yield f"exits[{at}].door", f"{way.door!r} must be of the kind 'door'"
        for name, thing in self.things.items():
            if thing.kind == "door" and doors[name] != 1:
                yield "exits", f"the door {name!r} must stand in one exit, got {doors[name]}"

    def verbs(self) -> Iterator[tuple[str, str]]:
        verbs = {action.verb for action in self.game.actions}
        if len(verbs) > MOST_VERBS:
            yield "actions", f"a game has at most {MOST_VERBS} verbs, got {len(verbs)}"
        for at, action in enumerate(self.game.actions):
            place = f"actions[{at}]"
            if not re.fullmatch(r"[a-z]+", action.verb) or action.verb in PARSER_WORDS:
                yield f"{place}.verb", f"a verb is one word of small letters, no preposition, got {action.verb!r}"
            if action.verb[:LETTERS_THAT_COUNT] in {verb[:LETTERS_THAT_COUNT] for verb in OWNED_VERBS}:
                yield f"{place}.verb", f"{action.verb!r} is a verb of the parser's own: choose another word"
            if bool(action.preposition) != bool(action.second):
                yield place, "preposition and second come together: a second thing needs one, and the other way round"
            if action.second == action.thing:
                yield f"{place}.second", f"an action needs two different things, got {action.thing!r} twice"
            if problem := _refused(action.command):
                yield place, f"no player could write {action.command!r}: {problem}"

    def points(self) -> Iterator[tuple[str, str]]:
        if not 1 <= self.game.max_score <= MOST_POINTS:
            yield "goal.reward", f"all rewards together must be from 1 to {MOST_POINTS}, got {self.game.max_score}"


def letters_of(name: str) -> frozenset[str]:
    """What a parser knows a name by: equal sets cannot be told apart, and a part of a set may mean the whole."""
    return frozenset(map(dictionary_form, name.split()))


def name_problem(name: str) -> str:
    """Why a parser does not take a name; "" where it does."""
    words = name.split(" ")
    if not NAME.fullmatch(name) or len(words) > MOST_WORDS:
        return f"a name is 1 to {MOST_WORDS} words of small letters, got {name!r}"
    owned = [word for word in words if word in PARSER_WORDS]
    if owned:
        return f"the parser owns the word {owned[0]!r}: choose another name than {name!r}"
    return _refused(f"examine {name}")


def _refused(command: str) -> str:
    try:
        return "" if gate(command) == command else "it is read differently"
    except Refused as reason:
        return str(reason)


def _sides(way: Exit) -> list[tuple[str, str]]:
    back = [] if way.one_way else [(way.to, str(OPPOSITE[way.direction]))]
    return [(way.room, str(way.direction)), *back]


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from _texts(item, f"{place}[{at}]")
