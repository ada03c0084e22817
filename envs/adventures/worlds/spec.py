"""A game as data, version 1: rooms, exits, things, actions, goal. Another engine, or a language model, reads the same.

A *fact* says how the world is, and one form of it serves everywhere: what an action requires, what holds after it (its
effects), what the goal asks for, what must not happen.

    {"thing": "egg", "state": "boiled"}        a state of a thing; also open, closed, locked, unlocked
    {"thing": "egg", "place": "basket"}        where a thing is: a room (on its floor), a container, a supporter, a
                                               person, "inventory", "nowhere"; in actions and exits "reach" and "here"
    {"room": "cellar"}                         where the player is
    {..., "holds": false}                      the opposite; not for effects

"reach" is: carried, for a thing that can be carried; in the player's room, for one that cannot. The things that an
action names must be in reach without saying so. "here" is the floor of the room where the command was given.

The rules that pydantic cannot say (references, words of the parser, sizes) are in `rules`; `read_game` asks for all.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

Direction = Literal["north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest", "up", "down"]
Kind = Literal["thing", "container", "supporter", "person", "door"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
OPPOSITE: dict[str, Direction] = {
    "north": "south",
    "south": "north",
    "east": "west",
    "west": "east",
    "northeast": "southwest",
    "southwest": "northeast",
    "northwest": "southeast",
    "southeast": "northwest",
    "up": "down",
    "down": "up",
}
INVENTORY, NOWHERE, REACH, HERE = "inventory", "nowhere", "reach", "here"
OPEN, CLOSED, LOCKED, UNLOCKED = "open", "closed", "locked", "unlocked"
BUILT_IN_SKILLS = {
    "go": "navigation",
    "take": "collecting",
    "drop": "placing",
    "put": "placing",
    "open": "opening",
    "close": "opening",
    "unlock": "unlocking",
    "lock": "unlocking",
}
"""What the commands that every game has are counted as."""
MOST_ROOMS, MOST_THINGS, MOST_ACTIONS, MOST_VERBS, MOST_TEXT, MOST_TURNS = 30, 120, 120, 40, 600, 1_000

Text = Annotated[str, Field(max_length=MOST_TEXT)]
Word = Annotated[str, Field(min_length=1, max_length=40)]
Points = Annotated[int, Field(ge=0, le=100)]


class Part(BaseModel):
    """What every part of a game has in common: it never changes, and knows its fields only."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StateFact(Part):
    """A thing is in a state."""

    thing: Word
    state: Word
    holds: bool = True


class PlaceFact(Part):
    """A thing is in a place."""

    thing: Word
    place: Word
    holds: bool = True


class RoomFact(Part):
    """The player is in a room."""

    room: Word
    holds: bool = True


Fact: TypeAlias = StateFact | PlaceFact | RoomFact
Facts: TypeAlias = tuple[Fact, ...]


class Room(Part):
    """A room."""

    name: Word
    text: Text = ""


class Exit(Part):
    """A way from one room to another, and back again unless it is one-way."""

    room: Word
    direction: Direction
    to: Word
    one_way: bool = False
    door: Word | None = None
    """A thing of the kind "door", which must be open."""
    requires: Facts = ()
    """What must hold besides, in both directions."""
    refusal: Text = ""
    """What the player reads where it does not."""


class Thing(Part):
    """Everything in a game that has a name and is no room."""

    name: Word
    text: Text = ""
    kind: Kind = "thing"
    place: Word = NOWHERE
    """Where it is at first; of a door: nowhere, its exits say it."""
    portable: bool = False
    openable: bool = False
    open: bool = False
    locked: bool = False
    key: Word | None = None
    """What locks and unlocks it."""
    states: tuple[tuple[Word, ...], ...] = ()
    """Groups of states that exclude each other; at first it is in the first of each: [["raw", "cooked"]]."""


class Action(Part):
    """A command that this game adds: `boil egg with pan`. Of several alike the first that is possible acts."""

    verb: Word
    thing: Word
    preposition: Literal["", "with", "in", "on", "to", "from", "at", "into", "onto", "against"] = ""
    second: str = Field(default="", max_length=40)
    requires: Facts = ()
    effects: Facts = ()
    reward: Points = 0
    """Paid once."""
    message: Text
    refusal: Text = ""
    """What the player reads where something that it requires does not hold."""
    skill: Word

    @property
    def command(self) -> str:
        """What the player writes."""
        return " ".join(word for word in (self.verb, self.thing, self.preposition, self.second) if word)


class Milestone(Part):
    """Points for a state of the world, paid once, when it first holds."""

    when: Facts = Field(min_length=1)
    reward: Points = 0
    message: Text = ""
    skill: Word


class Goal(Part):
    """What wins."""

    text: Text
    """The task in the player's words."""
    when: Facts = Field(min_length=1)
    reward: Points = 0
    message: Text = "You have done it."


class Fail(Part):
    """What loses: facts that have held for more than so many turns in a row. No facts: a deadline of the game."""

    when: Facts = ()
    turns: Annotated[int, Field(ge=0, le=MOST_TURNS)] = 0
    message: Text


class Limits(Part):
    """How long an episode may be, and whether it can be spoilt."""

    turns: Annotated[int, Field(ge=1, le=MOST_TURNS)] = 100
    """Commands; then the episode is truncated."""
    dead_ends: bool = False
    """Whether a player may come to where the game can be lost or go on, and can no longer be won."""


class Game(Part):
    """A whole game."""

    version: Literal[1] = 1
    title: Text
    theme: Word
    intro: Text
    start: Word
    rooms: tuple[Room, ...] = Field(min_length=1, max_length=MOST_ROOMS)
    exits: tuple[Exit, ...] = Field(default=(), max_length=4 * MOST_ROOMS)
    things: tuple[Thing, ...] = Field(max_length=MOST_THINGS)
    actions: tuple[Action, ...] = Field(default=(), max_length=MOST_ACTIONS)
    milestones: tuple[Milestone, ...] = Field(default=(), max_length=MOST_ACTIONS)
    goal: Goal
    fails: tuple[Fail, ...] = Field(default=(), max_length=10)
    limits: Limits = Limits()
    origin: Text = ""
    """How it was written, and by what."""

    @property
    def max_score(self) -> int:
        """The sum of all rewards."""
        return self.goal.reward + sum(one.reward for one in self.actions) + sum(one.reward for one in self.milestones)

    @property
    def skills(self) -> tuple[str, ...]:
        """What its actions and milestones declare."""
        return tuple(sorted({one.skill for one in self.actions} | {one.skill for one in self.milestones}))

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides how it plays and reads; how it was written is left out."""
        return hashlib.sha256(self.model_dump_json(exclude={"origin"}).encode()).hexdigest()
