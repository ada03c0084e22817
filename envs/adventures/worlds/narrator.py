"""What the player reads: the room, what is in it, the ways out, what is carried; and why a command does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sparring.envs.adventures.worlds.layout import Key
from sparring.envs.adventures.worlds.machine import Machine, Operator
from sparring.envs.adventures.worlds.spec import INVENTORY, OPPOSITE, Exit, Thing

UNSEEN = "You see no such thing here."
"""Said of everything that is not in sight, whether the game has it or not."""


class Narrator:
    """The words of one game, for any of its states."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.layout = machine, machine.layout
        self.texts = {room.name: room.text for room in machine.game.rooms}
        things = machine.game.things
        self._portables = [thing for thing in things if thing.portable]
        self._fixed = {room: [one for one in things if self._stands(one, room)] for room in self.layout.rooms}
        self._ways = {room: list(self._ways_of(room)) for room in self.layout.rooms}
        self.verbs = frozenset(one.verb for one in machine.operators) | {"look", "inventory", "examine"}
        """The first words of all commands."""
        self._by_command: dict[str, list[Operator]] = {}
        for operator in machine.operators:
            self._by_command.setdefault(operator.command, []).append(operator)

    def _stands(self, thing: Thing, room: str) -> bool:
        return not thing.portable and thing.kind != "door" and room in self.layout.rooms_of(thing)

    def _ways_of(self, room: str) -> Iterable[tuple[str, str, Exit]]:
        for way in self.machine.game.exits:
            if way.room == room:
                yield way.direction, way.to, way
            elif way.to == room and not way.one_way:
                yield OPPOSITE[way.direction], way.room, way

    def mask(self, room: str) -> int:
        """The bits that decide what is read, and what is possible, in a room."""
        keys: list[Key] = []
        for thing in self._portables:
            keys += [("at", thing.name, INVENTORY), ("at", thing.name, room), *_states(thing)]
        for fixed in self._fixed[room]:
            keys += [("at", fixed.name, room), ("open", fixed.name, ""), *_states(fixed)]
            keys += [("at", thing.name, fixed.name) for thing in self._portables]
        keys += [("open", way.door, "") for _, _, way in self._ways[room] if way.door]
        mask = self.layout.player_mask | self.layout.mask_of(keys)
        for operator in self.machine.by_room[self.layout.bits["player", room, ""]]:
            mask |= operator.mask
            for one in operator.earlier:
                mask |= one.mask
        return mask

    # A room.

    def visible(self, state: int, room: str) -> list[Thing]:
        """Everything that the player can look at."""
        fixed = [one for one in self._fixed[room] if self._is_there(one, room, state)]
        shown = [one for one in fixed if self._shows_contents(one, state)]
        places = (INVENTORY, room, *(one.name for one in shown))
        doors = [self.layout.things[way.door] for _, _, way in self._ways[room] if way.door]
        return [*fixed, *doors, *(one for place in places for one in self._at(place, state))]

    def describe(self, state: int, room: str) -> str:
        """A room with all that is in it, and the inventory."""
        fixed = [one for one in self._fixed[room] if self._is_there(one, room, state)]
        lines = [self.texts[room]] if self.texts[room] else []
        if fixed:
            lines.append(f"You see {self._listed(fixed, state)} here.")
        lines += [line for one in fixed if (line := self._contents(one, state))]
        if floor := self._at(room, state):
            lines.append(f"On the floor {'is' if len(floor) == 1 else 'are'} {self._listed(floor, state)}.")
        held = self._at(INVENTORY, state)
        carried = self._listed(held, state) if held else "nothing"
        return f"{room.capitalize()}\n{' '.join(lines)}\n{self._exits(room, state)}\nYou carry {carried}."

    def inventory(self, state: int) -> list[str]:
        """The names of what is carried."""
        return [one.name for one in self._at(INVENTORY, state)]

    def _exits(self, room: str, state: int) -> str:
        ways = [self._way(direction, to, way, state) for direction, to, way in self._ways[room]]
        return f"You can go {listed(ways)}." if ways else "There is no way out."

    def _way(self, direction: str, to: str, way: Exit, state: int) -> str:
        if way.door is None:
            return f"{direction} to the {to}"
        is_open = state & self.layout.bits["open", way.door, ""]
        return f"{direction} through the {'open' if is_open else 'closed'} {way.door} to the {to}"

    def _contents(self, holder: Thing, state: int) -> str:
        if not self._shows_contents(holder, state):
            return ""
        inside = self._at(holder.name, state)
        if not inside:
            return f"The {holder.name} is empty." if holder.kind == "container" else ""
        how = "In" if holder.kind == "container" else "On"
        return f"{how} the {holder.name} {'is' if len(inside) == 1 else 'are'} {self._listed(inside, state)}."

    def _shows_contents(self, thing: Thing, state: int) -> bool:
        if thing.kind not in ("container", "supporter"):
            return False
        return not thing.openable or bool(state & self.layout.bits["open", thing.name, ""])

    def _at(self, place: str, state: int) -> list[Thing]:
        bits = self.layout.bits
        return [thing for thing in self._portables if state & bits.get(("at", thing.name, place), 0)]

    def _is_there(self, thing: Thing, room: str, state: int) -> bool:
        return not self.layout.moves(thing.name) or bool(state & self.layout.bits["at", thing.name, room])

    def _listed(self, things: Sequence[Thing], state: int) -> str:
        return listed([with_article(self.name(thing, state)) for thing in things])

    def name(self, thing: Thing, state: int) -> str:
        """A thing's name with its states: `raw egg`, `closed chest`."""
        bits = self.layout.bits
        words = [one for group in thing.states for one in group if state & bits["is", thing.name, one]]
        if thing.openable:
            words.append("open" if state & bits["open", thing.name, ""] else "closed")
        return f"{', '.join(words)} {thing.name}".lstrip()

    # Commands that do nothing.

    def refusal(self, command: str, state: int, room: str) -> str:
        """Why a command does nothing in a state."""
        verb = command.partition(" ")[0]
        if verb not in self.verbs:
            return f"The verb '{verb[:40]}' means nothing here. Verbs: {', '.join(sorted(self.verbs))}."
        known = [one for one in self._by_command.get(command, ()) if one.room in (None, room)]
        if not known:
            return self._unknown(command, verb, state, room)
        unmet = min((self._unmet(one, state) for one in known), key=len)
        first = known[0]
        if first.refusal and not any(bit & first.reach for bit in unmet):
            return first.refusal
        seen = {thing.name for thing in self.visible(state, room)}
        return next((self._sentence(bit, state, seen) for bit in unmet), "Nothing happens.")

    def _unknown(self, command: str, verb: str, state: int, room: str) -> str:
        if verb == "go":
            return f"You cannot go that way. {self._exits(room, state)}"
        named = [thing.name for thing in self.visible(state, room) if f" {thing.name} " in f"{command} "]
        if not named:
            return UNSEEN
        return f"You cannot {verb} the {named[0]} like that."

    def _unmet(self, operator: Operator, state: int) -> list[int]:
        """The bits that are not as it requires; those of what is in reach come first."""
        wrong = (state ^ operator.want) & operator.mask
        bits = [1 << at for at in range(wrong.bit_length()) if wrong >> at & 1]
        return sorted(bits, key=lambda bit: not bit & operator.reach)

    def _sentence(self, bit: int, state: int, seen: set[str]) -> str:
        at = bit.bit_length() - 1
        if at >= self.layout.size:
            return "Nothing happens."
        what, name, value = self.layout.keys[at]
        holds = bool(state & bit)
        if what == "at" and not holds and name not in seen:
            return UNSEEN
        if what == "at":
            return _where(name, value, holds)
        if what == "open":
            return f"The {name} is {'already open' if holds else 'closed'}."
        if what == "locked":
            return f"The {name} is {'locked' if holds else 'not locked'}."
        if what == "is":
            return f"The {name} is {'already' if holds else 'not'} {value}."
        return "You cannot do that here."


def _states(thing: Thing) -> list[Key]:
    return [("is", thing.name, state) for group in thing.states for state in group]


def _where(name: str, place: str, holds: bool) -> str:
    if place == INVENTORY:
        return f"You are {'already' if holds else 'not'} carrying the {name}."
    return f"The {name} is {'already' if holds else 'not'} there."


def with_article(name: str) -> str:
    """`an egg`, `a raw egg`."""
    is_vowel = (name[0] in "aeiou" and not name.startswith(("uni", "use", "one"))) or name.startswith("x-")
    return f"{'an' if is_vowel else 'a'} {name}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
