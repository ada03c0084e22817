"""Which bit of a state says what: a state of a game is one whole number.

Places, states and doors are one bit each (one bit a value, not a binary code), so that whatever a command requires is
`state & mask == want`, and whatever it changes is `state & keep | add`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sparring.envs.adventures.worlds.spec import (
    CLOSED,
    HERE,
    INVENTORY,
    LOCKED,
    NOWHERE,
    OPEN,
    REACH,
    UNLOCKED,
    Fact,
    Game,
    PlaceFact,
    RoomFact,
    StateFact,
    Thing,
)

Key = tuple[str, str, str]
"""What a bit says: ("player", room, ""), ("at", thing, place), ("is", thing, state), ("open", thing, ""), ("locked",
thing, "")."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Bits and what they must be."""

    mask: int = 0
    want: int = 0

    def holds(self, state: int) -> bool:
        """In a state."""
        return state & self.mask == self.want


@dataclass(frozen=True, slots=True)
class Change:
    """Bits that stay, and bits that are set."""

    keep: int = -1
    add: int = 0

    def then(self, clear: int, add: int) -> Change:
        """This change and after it another one."""
        return Change(self.keep & ~clear, (self.add & ~clear) | add)


class Layout:
    """The bits of one game."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.rooms = [room.name for room in game.rooms]
        self.things = {thing.name: thing for thing in game.things}
        self.keys: list[Key] = []
        self.bits: dict[Key, int] = {}
        for key in self._keys():
            self.bits[key] = 1 << len(self.keys)
            self.keys.append(key)
        self.size = len(self.keys)
        self.player_mask = self.mask_of(("player", room, "") for room in self.rooms)
        self._places = {
            name: self.mask_of(("at", name, place) for place in self.places_of(name)) for name in self.things
        }
        self._groups = {
            (thing.name, state): self.mask_of(("is", thing.name, one) for one in group)
            for thing in game.things
            for group in thing.states
            for state in group
        }

    @cached_property
    def groups(self) -> list[int]:
        """Bits of which one is 1 and the others are 0, at all times."""
        states = {self._groups[key] for key in self._groups}
        return [self.player_mask, *(mask for mask in self._places.values() if mask), *sorted(states)]

    def mask_of(self, keys: Iterable[Key]) -> int:
        """All bits of these keys that the game has."""
        mask = 0
        for key in keys:
            mask |= self.bits.get(key, 0)
        return mask

    @cached_property
    def holders(self) -> list[Thing]:
        """Things that others can be in."""
        return [thing for thing in self.game.things if thing.kind in ("container", "supporter", "person")]

    @cached_property
    def _moved(self) -> dict[str, set[str]]:
        """Fixed things that actions move, and to which rooms."""
        found: dict[str, set[str]] = {}
        for action in self.game.actions:
            for fact in action.effects:
                if isinstance(fact, PlaceFact) and not self.things[fact.thing].portable:
                    rooms = found.setdefault(fact.thing, {self.things[fact.thing].place})
                    rooms |= set(self.rooms) if fact.place == HERE else {fact.place}
        return {name: rooms - {NOWHERE} for name, rooms in found.items()}

    @cached_property
    def _sides(self) -> dict[str, list[str]]:
        """The two rooms of every door."""
        return {way.door: [way.room, way.to] for way in self.game.exits if way.door}

    def places_of(self, name: str) -> list[str]:
        """Where a thing can be, as far as bits say it; none for what never moves."""
        thing = self.things[name]
        if thing.portable:
            return [INVENTORY, NOWHERE, *self.rooms, *(holder.name for holder in self.holders)]
        return [NOWHERE, *sorted(self._moved[name], key=self.rooms.index)] if name in self._moved else []

    def rooms_of(self, thing: Thing) -> list[str]:
        """The rooms in which a fixed thing can be in reach."""
        if thing.kind == "door":
            return self._sides[thing.name]
        if thing.name in self._moved:
            return self.places_of(thing.name)[1:]
        return [thing.place] if thing.place in self.rooms else []

    def moves(self, name: str) -> bool:
        """Whether bits say where it is."""
        return bool(self._places[name])

    def _keys(self) -> Iterator[Key]:
        yield from (("player", room, "") for room in self.rooms)
        for name, thing in self.things.items():
            yield from (("at", name, place) for place in self.places_of(name))
            yield from (("is", name, state) for group in thing.states for state in group)
            if thing.openable:
                yield ("open", name, "")
            if thing.key is not None:
                yield ("locked", name, "")

    def start(self) -> int:
        """The first state."""
        keys: list[Key] = [("player", self.game.start, "")]
        for name, thing in self.things.items():
            keys.append(("at", name, thing.place))
            keys += [("is", name, group[0]) for group in thing.states]
            keys += [("open", name, "")] * thing.open + [("locked", name, "")] * thing.locked
        return self.mask_of(keys)

    # What facts are as bits.

    def condition(self, facts: Iterable[Fact], room: str | None = None) -> Condition | None:
        """All facts at once, for a player in a room where that matters; None where they can never hold together."""
        mask = want = 0
        for fact in facts:
            bits = self._bits_of(fact, room)
            if bits is None or (mask & bits.mask) & (want ^ bits.want):
                return None
            mask, want = mask | bits.mask, want | bits.want
        return Condition(mask, want)

    def reach(self, name: str, room: str | None) -> Condition | None:
        """A thing is in reach of a player in a room."""
        if self.things[name].portable:
            bit = self.bits["at", name, INVENTORY]
            return Condition(bit, bit)
        if room is None or room not in self.rooms_of(self.things[name]):
            return None
        bits = self.bits["player", room, ""] | self.bits.get(("at", name, room), 0)
        return Condition(bits, bits)

    def _bits_of(self, fact: Fact, room: str | None) -> Condition | None:
        if isinstance(fact, RoomFact):
            bit = self.bits["player", fact.room, ""]
            return Condition(bit, bit if fact.holds else 0)
        if isinstance(fact, StateFact):
            return self._state_bits(fact)
        if fact.place == REACH:
            return self.reach(fact.thing, room)
        if not self.moves(fact.thing):
            return Condition() if (self.things[fact.thing].place == fact.place) == fact.holds else None
        bit = self.bits.get(("at", fact.thing, fact.place), 0)
        if not bit:
            return None if fact.holds else Condition()
        return Condition(bit, bit if fact.holds else 0)

    def _state_bits(self, fact: StateFact) -> Condition:
        words = {OPEN: ("open", True), CLOSED: ("open", False), LOCKED: ("locked", True), UNLOCKED: ("locked", False)}
        if fact.state in words:
            what, holds = words[fact.state]
            bit = self.bits[what, fact.thing, ""]
            return Condition(bit, bit if holds == fact.holds else 0)
        bit = self.bits["is", fact.thing, fact.state]
        return Condition(bit, bit if fact.holds else 0)

    def change(self, effects: Iterable[Fact], room: str | None = None) -> Change:
        """What effects do, one after another, for a player in a room where that matters."""
        change = Change()
        for fact in effects:
            change = change.then(*self._effect(fact, room))
        return change

    def _effect(self, fact: Fact, room: str | None) -> tuple[int, int]:
        """(bits to clear, bits to set)."""
        if isinstance(fact, RoomFact):
            return self.player_mask, self.bits["player", fact.room, ""]
        if isinstance(fact, PlaceFact):
            place = room if fact.place == HERE else fact.place
            return self._places[fact.thing], self.bits.get(("at", fact.thing, str(place)), 0)
        opened, locked = self.bits.get(("open", fact.thing, ""), 0), self.bits.get(("locked", fact.thing, ""), 0)
        effects = {OPEN: (locked, opened), CLOSED: (opened, 0), LOCKED: (opened, locked), UNLOCKED: (locked, 0)}
        if fact.state in effects:
            return effects[fact.state]
        return self._groups[fact.thing, fact.state], self.bits["is", fact.thing, fact.state]
