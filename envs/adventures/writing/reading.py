"""Outlines as lines of text, the form in which people write them:

    === Low Tide                                   title; a new outline begins
    theme mud flats                                split held_out, intro ..., idea ..., late ..., dead ends: likewise
    room jetty: Boards over grey mud.              the first room is where the player starts
    behind iron grate with brass key               the rooms after it lie behind a door, locked with a key, ...
    behind sluice lowered: The water is too deep.  ... or behind what must hold, and what is read where it does not
    item brass key in bait tin: It is green.       carried; without `in PLACE` it is nowhere at first
    fixed sluice in jetty, raised/lowered: ...     stays; its groups of states, each begins with the first
    box bait tin in jetty: ...                     a container; `box chest in hut with iron key` is locked
    table bench in jetty: ...                      a supporter; `person` likewise
    do crank sluice with handle [operating] if sluice greased -> sluice lowered, handle gone: MESSAGE | REFUSAL
    goal pearl in bench, sluice lowered: TASK | WON
    spoil oyster: What is read when it was carried for too long.
    lose candle burnt: What is read when that holds.

Facts: `THING STATE`, `THING in PLACE`, `THING held`, `THING gone`, `THING here`, `at ROOM`, each also after `not`. A
skill with a 0, `[operating 0]`, earns no point. Any line that cannot be read raises ValueError with its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sparring.envs.adventures.worlds.spec import (
    HERE,
    INVENTORY,
    NOWHERE,
    Action,
    Fact,
    Fail,
    Goal,
    PlaceFact,
    Room,
    RoomFact,
    StateFact,
    Thing,
)
from sparring.envs.adventures.writing.outline import Outline
from sparring.envs.adventures.writing.ways import Zone

PREPOSITIONS = ("with", "in", "on", "to", "from", "at", "into", "onto", "against")
KINDS = {"item": "thing", "fixed": "thing", "box": "container", "table": "supporter", "person": "person"}
PLACES = {"held": INVENTORY, "gone": NOWHERE, "here": HERE}
DEED = re.compile(
    r"(?P<command>[a-z -]+) \[(?P<skill>[a-z]+)(?P<free> 0)?\](?: if (?P<needs>[^>]*?))? -> (?P<effects>.*)"
)
THING = re.compile(
    r"(?P<name>[a-z -]+?)(?: in (?P<place>[a-z -]+?))?(?: with (?P<key>[a-z -]+))?(?P<states>(?:, [a-z/-]+)*)"
)
BEHIND = re.compile(r"(?P<door>[a-z -]+?)(?: with (?P<key>[a-z -]+))?")


def outlines_of(text: str) -> list[Outline]:
    """All outlines of a text. Raises ValueError for a line that cannot be read."""
    found: list[_Reader] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            if line.startswith("=== "):
                found.append(_Reader(line.removeprefix("=== ").strip()))
            elif line.strip() and not line.startswith("#"):
                found[-1].read(line.strip())
        except (ValueError, IndexError, KeyError) as error:
            raise ValueError(f"line {number}: {line.strip()[:80]!r}: {error}") from error
    return [reader.outline() for reader in found]


@dataclass(slots=True)
class _Reader:
    title: str
    words: dict[str, str] = field(default_factory=dict)
    rooms: list[Room] = field(default_factory=list)
    ways: list[tuple[str, str]] = field(default_factory=list)
    """Of each zone but the first: what stands behind `behind`, and the refusal."""
    starts: list[int] = field(default_factory=list)
    """With which room each of these begins."""
    things: list[Thing] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    """Those that speak of things, which may stand further down: (word, what, text)."""

    def read(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in ("theme", "split", "intro", "idea", "late", "dead"):
            self.words[word] = rest
            return
        what, _, text = (part.strip() for part in rest.partition(":"))
        if word == "room":
            self.rooms.append(Room(name=what, text=text))
        elif word == "behind":
            self.starts.append(len(self.rooms))
            self.ways.append((what, text))
            self.things += self._door(what) if not text else []
        elif word in KINDS:
            self.things.append(_thing(word, what, text))
        elif word in ("do", "goal", "spoil", "lose"):
            self.lines.append((word, what, text))
        else:
            raise ValueError(f"no line begins with {word!r}")

    def _door(self, what: str) -> list[Thing]:
        found = _matched(BEHIND, what)
        locked = {"locked": True, "key": found["key"]} if found["key"] else {}
        name = str(found["door"])
        return [
            Thing.model_validate(
                {"name": name, "text": f"It is the {name}.", "kind": "door", "openable": True} | locked
            )
        ]

    def outline(self) -> Outline:
        goals = [self._goal(what, text) for word, what, text in self.lines if word == "goal"]
        if len(goals) != 1 or not self.rooms:
            raise ValueError(f"{self.title}: an outline has rooms and one goal")
        return Outline(
            title=self.title,
            theme=self.words["theme"],
            idea=self.words["idea"],
            intro=self.words["intro"],
            zones=tuple(self._zones()),
            things=tuple(self.things),
            actions=tuple(self._action(what, text) for word, what, text in self.lines if word == "do"),
            goal=goals[0],
            spoils=tuple((what, text) for word, what, text in self.lines if word == "spoil"),
            late=self.words.get("late", ""),
            loses=tuple(
                Fail(when=tuple(self._facts(what)), message=text) for word, what, text in self.lines if word == "lose"
            ),
            dead_ends="dead" in self.words,
            split=self.words.get("split", "train"),
            origin="an outline, written by hand; map, points and limits by code",
        )

    def _zones(self) -> Iterator[Zone]:
        ends = [*self.starts, len(self.rooms)]
        yield Zone(tuple(self.rooms[: ends[0]]))
        for at, (what, refusal) in enumerate(self.ways):
            rooms = tuple(self.rooms[ends[at] : ends[at + 1]])
            if refusal:
                yield Zone(rooms, requires=tuple(self._facts(what)), refusal=refusal)
            else:
                yield Zone(rooms, door=_matched(BEHIND, what)["door"])

    def _action(self, what: str, text: str) -> Action:
        found = _matched(DEED, what)
        verb, _, rest = str(found["command"]).partition(" ")
        thing, preposition, second = _split_command(rest)
        message, _, refusal = (part.strip() for part in text.partition("|"))
        return Action.model_validate(
            {
                "verb": verb,
                "thing": thing,
                "preposition": preposition,
                "second": second,
                "requires": tuple(self._facts(found["needs"] or "")),
                "effects": tuple(self._facts(str(found["effects"]))),
                "reward": 0 if found["free"] else 1,
                "message": message,
                "refusal": refusal,
                "skill": found["skill"],
            }
        )

    def _goal(self, what: str, text: str) -> Goal:
        task, _, won = (part.strip() for part in text.partition("|"))
        return Goal(text=task, when=tuple(self._facts(what)), message=won)

    def _facts(self, said: str) -> Iterator[Fact]:
        for part in said.split(","):
            if part.strip():
                yield self._fact(part.strip())

    def _fact(self, said: str) -> Fact:
        holds = not said.startswith("not ")
        said = said.removeprefix("not ")
        if said.startswith("at "):
            return RoomFact(room=said.removeprefix("at "), holds=holds)
        thing, place_word, place = said.partition(" in ")
        if place_word:
            return PlaceFact(thing=thing, place=place, holds=holds)
        thing, _, state = said.rpartition(" ")
        if state in PLACES:
            return PlaceFact(thing=thing, place=PLACES[state], holds=holds)
        return StateFact(thing=thing, state=state, holds=holds)


def _thing(word: str, what: str, text: str) -> Thing:
    found = _matched(THING, what)
    groups = [tuple(group.split("/")) for group in str(found["states"]).split(", ") if group]
    data: dict[str, object] = {"name": found["name"], "text": text, "kind": KINDS[word]}
    data |= {
        "place": found["place"] or NOWHERE,
        "portable": word == "item",
        "openable": word == "box",
        "states": tuple(groups),
    }
    return Thing.model_validate(data | ({"locked": True, "key": found["key"]} if found["key"] else {}))


def _split_command(rest: str) -> tuple[str, str, str]:
    for preposition in PREPOSITIONS:
        thing, found, second = rest.partition(f" {preposition} ")
        if found:
            return thing, preposition, second
    return rest, "", ""


def _matched(pattern: re.Pattern[str], text: str) -> dict[str, str | None]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError("it is not written as such a line is")
    return found.groupdict()
