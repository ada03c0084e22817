"""How the parts of a game are called and written in the text of a story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sparring.envs.adventures.worlds.layout import Layout
from sparring.envs.adventures.worlds.narrator import listed, with_article
from sparring.envs.adventures.worlds.spec import (
    CLOSED,
    HERE,
    INVENTORY,
    LOCKED,
    NOWHERE,
    OPEN,
    OPPOSITE,
    REACH,
    UNLOCKED,
    Exit,
    Fact,
    Facts,
    Game,
    PlaceFact,
    RoomFact,
    StateFact,
    Thing,
)

ALWAYS = "1 is 1"


def literal(text: str) -> str:
    """A text between Inform's quotes; no line break follows it, whatever it ends with."""
    escaped = text.replace("'", "[']")
    return f'"{escaped}[no line break]"'


@dataclass(slots=True)
class Wording:
    """The names of one game's rooms and things, and its facts as conditions and changes."""

    game: Game
    layout: Layout = field(init=False)
    rooms: dict[str, str] = field(init=False)
    things: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout(self.game)
        self.rooms = {room.name: _name(room.name, "r", at) for at, room in enumerate(self.game.rooms)}
        self.things = {thing.name: _name(thing.name, "t", at) for at, thing in enumerate(self.game.things)}

    def of(self, name: str) -> str:
        """The name of a room or thing of the game in the story."""
        return self.rooms.get(name) or self.things[name]

    # Conditions.

    def condition(self, facts: Facts) -> str:
        """All facts at once."""
        return " and ".join(self._fact(fact) for fact in facts) or ALWAYS

    def in_reach(self, name: str) -> str:
        """A thing is in reach."""
        thing, own = self.layout.things[name], self.things[name]
        if thing.portable:
            return f"the spot of {own} is the player"
        if thing.kind == "door":
            first, second = self.layout.rooms_of(thing)
            return f"(the location is {self.rooms[first]} or the location is {self.rooms[second]})"
        return f"the spot of {own} is the location"

    def _fact(self, fact: Fact) -> str:
        verb = "is" if fact.holds else "is not"
        if isinstance(fact, RoomFact):
            return f"the location {verb} {self.rooms[fact.room]}"
        if isinstance(fact, PlaceFact):
            return self.in_reach(fact.thing) if fact.place == REACH else self._place(fact, verb)
        if fact.state in (OPEN, CLOSED, LOCKED, UNLOCKED):
            return f"{self.things[fact.thing]} {verb} {fact.state}"
        group, number = self.state(fact.thing, fact.state)
        return f"the {group} of {self.things[fact.thing]} {verb} {number}"

    def _place(self, fact: PlaceFact, verb: str) -> str:
        places = {INVENTORY: "the player", NOWHERE: "nothing"}
        return f"the spot of {self.things[fact.thing]} {verb} {places.get(fact.place) or self.of(fact.place)}"

    def state(self, name: str, state: str) -> tuple[str, int]:
        """The property in which a group of states lies, and the number of a state in it."""
        groups = self.layout.things[name].states
        at, group = next((at, group) for at, group in enumerate(groups) if state in group)
        return f"state-{at + 1}", group.index(state) + 1

    # Changes.

    def changes(self, effects: Facts) -> Iterator[str]:
        """What brings the effects about, phrase by phrase."""
        for fact in effects:
            if isinstance(fact, RoomFact):
                yield f"move the player to {self.rooms[fact.room]}, without printing a room description"
            elif isinstance(fact, PlaceFact):
                yield self._moved(self.things[fact.thing], fact.place)
            else:
                yield from self._state_changes(fact)

    def _moved(self, own: str, place: str) -> str:
        words = {
            INVENTORY: f"the player carries {own}",
            NOWHERE: f"{own} is nowhere",
            HERE: f"{own} is in the location",
        }
        if place in words:
            return f"now {words[place]}"
        holder = self.layout.things.get(place)
        if holder is not None and holder.kind == "person":
            return f"now {self.of(place)} carries {own}"
        how = "on" if holder is not None and holder.kind == "supporter" else "in"
        return f"now {own} is {how} {self.of(place)}"

    def _state_changes(self, fact: StateFact) -> Iterator[str]:
        own, has_key = self.things[fact.thing], self.layout.things[fact.thing].key is not None
        if fact.state in (OPEN, LOCKED) and has_key:
            yield f"now {own} is {UNLOCKED if fact.state == OPEN else CLOSED}"
        if fact.state in (OPEN, CLOSED, LOCKED, UNLOCKED):
            yield f"now {own} is {fact.state}"
        else:
            group, number = self.state(fact.thing, fact.state)
            yield f"now the {group} of {own} is {number}"

    # What is read.

    def label(self, thing: Thing) -> str:
        """A thing with article and states, as text that changes with them."""
        own = self.things[thing.name]
        parts = [self._alternatives(own, f"state-{at + 1}", group) for at, group in enumerate(thing.states)]
        parts += [{f"{own} is open": "open", "": "closed"}] if thing.openable else []
        if not parts:
            return literal(with_article(thing.name))
        first = {condition: with_article(word) for condition, word in parts[0].items()}
        return literal(f"{', '.join(map(_chosen, (first, *parts[1:])))} {thing.name}")

    @staticmethod
    def _alternatives(own: str, group: str, states: tuple[str, ...]) -> dict[str, str]:
        conditions = [f"the {group} of {own} is {number}" for number in range(1, len(states))]
        return dict(zip((*conditions, ""), states, strict=True))

    def ways(self, room: str) -> str:
        """The exits of a room, as text that changes with its doors."""
        told = [self._way(direction, to, way) for direction, to, way in self.sides(room)]
        return literal(f"You can go {listed(told)}." if told else "There is no way out.")

    def sides(self, room: str) -> Iterator[tuple[str, str, Exit]]:
        """(direction, where it leads, exit) of a room."""
        for way in self.game.exits:
            if way.room == room:
                yield way.direction, way.to, way
            elif way.to == room and not way.one_way:
                yield OPPOSITE[way.direction], way.room, way

    def _way(self, direction: str, to: str, way: Exit) -> str:
        if way.door is None:
            return f"{direction} to the {to}"
        how = _chosen({f"{self.things[way.door]} is open": "open", "": "closed"})
        return f"{direction} through the {how} {way.door} to the {to}"


def _name(name: str, kind: str, at: int) -> str:
    """One word that no other part of the story has."""
    return f"{name.replace(' ', '-')}-{kind}{at}"


def _chosen(words: dict[str, str]) -> str:
    """Text that is one of several words: by conditions, the last one otherwise."""
    *some, (_, last) = words.items()
    said = "".join(f"[{'otherwise ' if at else ''}if {condition}]{word}" for at, (condition, word) in enumerate(some))
    return f"{said}[otherwise]{last}[end if]"
