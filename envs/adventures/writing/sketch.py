"""A game while a writer fills its slots: what has been named so far, and the pieces that make a thing hard to get.

Whatever opens something lies where the player can get without opening it: only what is behind the one locked door lies
in the second zone, and nothing that is needed for its key does. So each sketch can be won.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from sparring.envs.adventures.worlds.narrator import listed, with_article
from sparring.envs.adventures.worlds.rules import letters_of, name_problem
from sparring.envs.adventures.worlds.spec import (
    HERE,
    INVENTORY,
    NOWHERE,
    Action,
    Fact,
    Goal,
    Kind,
    PlaceFact,
    Room,
    StateFact,
    Thing,
)
from sparring.envs.adventures.writing.outline import Outline
from sparring.envs.adventures.writing.stock import Change
from sparring.envs.adventures.writing.ways import Zone

IDLE, RUNNING = "idle", "running"


class Sketch:
    """What has been decided so far."""

    def __init__(self, idea: str, rng: random.Random) -> None:
        self.idea, self.rng = idea, rng
        self.title = self.intro = ""
        self.rooms: list[Room] = []
        self.vault: Room | None = None
        """The room behind the locked door."""
        self.door = ""
        self.things: dict[str, Thing] = {}
        self.actions: list[Action] = []
        self.wanted: list[str] = []
        """Things that the player will need and that are nowhere yet."""
        self.reserved: list[str] = []
        """Names that were given, also to what is not there yet."""
        self.goal: tuple[Fact, ...] = ()
        self.task = self.won = ""

    # Names.

    def problem_of(self, name: str) -> str:
        """Why a name cannot be given; "" where it can."""
        if problem := name_problem(name):
            return problem
        key = letters_of(name)
        for other in self.reserved:
            if key <= letters_of(other) or key >= letters_of(other):
                return f"{name!r} and {other!r} could be mistaken for each other: choose another name"
        return ""

    def rename(self, old: str, new: str) -> None:
        """Give a room or thing another name, wherever it stands."""
        self.rooms = [room.model_copy(update={"name": new}) if room.name == old else room for room in self.rooms]
        if self.vault and self.vault.name == old:
            self.vault = self.vault.model_copy(update={"name": new})
        self.reserved = [new if name == old else name for name in self.reserved]
        self.door = new if self.door == old else self.door
        things = [Thing.model_validate(_renamed(thing.model_dump(), old, new)) for thing in self.things.values()]
        self.things = {thing.name: thing for thing in things}
        self.actions = [Action.model_validate(_renamed(one.model_dump(), old, new)) for one in self.actions]
        goal = Goal.model_validate(
            _renamed({"text": self.task, "when": [one.model_dump() for one in self.goal]}, old, new)
        )
        self.goal, self.task = goal.when, goal.text

    # Things.

    def add(self, name: str, place: str, kind: Kind = "thing", text: str = "", **fields: object) -> None:
        """A thing."""
        said = text or f"It is {with_article(name)}."
        self.things[name] = Thing.model_validate({"name": name, "text": said, "kind": kind, "place": place, **fields})

    def change(self, name: str, **fields: object) -> None:
        """Change what is known of a thing."""
        self.things[name] = self.things[name].model_copy(update=fields)

    def want(self, name: str) -> None:
        """A thing that can be carried, which the player will need."""
        self.add(name, NOWHERE, portable=True)
        self.wanted.append(name)

    def settle(self, name: str, place: str) -> None:
        """Say where a wanted thing lies at first, NOWHERE for one that comes to light."""
        self.wanted.remove(name)
        self.change(name, place=place)

    def act(
        self,
        command: tuple[str, str, str, str],
        message: str,
        skill: str,
        effects: Sequence[Fact],
        requires: Sequence[Fact] = (),
        refusal: str = "",
    ) -> None:
        """A command (verb, thing, preposition, second) of this game."""
        verb, thing, preposition, second = command
        data = {"verb": verb, "thing": thing, "preposition": preposition, "second": second, "reward": 1}
        data |= {"message": message, "refusal": refusal, "skill": skill}
        data |= {"effects": tuple(effects), "requires": tuple(requires)}
        self.actions.append(Action.model_validate(data))

    # What makes a wanted thing hard to get.

    def hide(self, item: str, command: tuple[str, str, str, str], message: str) -> None:
        """In a fixed thing that is searched."""
        self.settle(item, NOWHERE)
        said = f"{message} {with_article(item).capitalize()} comes to light."
        self.act(command, said, "searching", [PlaceFact(thing=item, place=HERE)])

    def lock_up(self, item: str, box: str, room: str, key: str) -> None:
        """In a locked container, whose key is wanted now."""
        self.settle(item, box)
        self.want(key)
        self.add(box, room, "container", openable=True, locked=True, key=key)

    def trade(self, item: str, person: str, verb: str, price: str, message: str) -> None:
        """With somebody, for something that is wanted now."""
        self.settle(item, NOWHERE)
        self.want(price)
        text = f"{self.things[person].text} What is wanted here is {with_article(price)}."
        self.change(person, text=text)
        effects = [PlaceFact(thing=price, place=person), PlaceFact(thing=item, place=INVENTORY)]
        self.act((verb, price, "to", person), f"{message} You get {with_article(item)}.", "trading", effects)

    def join(self, item: str, first: str, second: str, verb: str, message: str) -> None:
        """Out of two parts, which are wanted now."""
        self.settle(item, NOWHERE)
        for part in (first, second):
            self.want(part)
        gone = [PlaceFact(thing=part, place=NOWHERE) for part in (first, second)]
        effects = [*gone, PlaceFact(thing=item, place=INVENTORY)]
        said = f"{message} Now you have {with_article(item)}."
        self.act((verb, first, "with", second), said, "assembling", effects)

    def shut_away(self, item: str, vault: Room, door: str, key: str) -> None:
        """In a room behind a locked door, whose key is wanted now."""
        self.vault, self.door = vault, door
        self.settle(item, vault.name)
        self.want(key)
        self.add(door, NOWHERE, "door", openable=True, locked=True, key=key)

    def treat(self, item: str, change: Change, station: str, message: str) -> StateFact:
        """A thing gets into another state, at something that stands somewhere."""
        self.change(item, states=(*self.things[item].states, (change.before, change.after)))
        done = StateFact(thing=item, state=change.after)
        self.act((change.verb, item, "at", station), message, change.skill, [done])
        return done

    # The whole.

    def summary(self) -> str:
        """What a writer should know of what was decided before."""
        lines = [f"Idea: {self.idea}"]
        rooms = [room.name for room in (*self.rooms, *([self.vault] if self.vault else []))]
        lines += [f"Rooms: {', '.join(rooms)}."] if rooms else []
        lines += [f"Things: {', '.join(self.things)}."] if self.things else []
        return "\n".join([*lines, *([f"Task: {self.task}"] if self.task else [])])

    def outline(self, origin: str) -> Outline:
        """As an outline. Every wanted thing must have been settled."""
        behind = [Zone((self.vault,), self.door)] if self.vault else []
        return Outline(
            title=self.title,
            theme="written",
            idea=self.idea,
            intro=self.intro,
            zones=(Zone(tuple(self.rooms)), *behind),
            things=tuple(self.things.values()),
            actions=tuple(self.actions),
            goal=Goal(text=self.task, when=self.goal, message=self.won),
            origin=origin,
        )


def task_of(items: Sequence[str]) -> str:
    """`the lamp and the rope`."""
    return listed([f"the {item}" for item in items])


def _renamed(value: object, old: str, new: str) -> object:
    if isinstance(value, dict):
        return {name: _renamed(item, old, new) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, old, new) for item in value]
    if not isinstance(value, str):
        return value
    return new if value == old else value.replace(f" {old}", f" {new}")
