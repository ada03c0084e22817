"""Compiles a game: every command that any state may admit becomes an operator on the bits of the state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from sparring.envs.adventures.worlds.layout import Change, Condition, Layout
from sparring.envs.adventures.worlds.machine import Machine, Operator, Timer, Watch
from sparring.envs.adventures.worlds.spec import (
    BUILT_IN_SKILLS,
    HERE,
    INVENTORY,
    OPPOSITE,
    REACH,
    Action,
    Exit,
    Facts,
    Fail,
    Game,
    PlaceFact,
    RoomFact,
    Thing,
)


def compile_game(game: Game) -> Machine:
    """The machine of a game that keeps the rules. Raises ValueError for facts that cannot hold, or hold too soon."""
    return _Compiler(game).machine()


class _Compiler:
    def __init__(self, game: Game) -> None:
        self.game, self.layout = game, Layout(game)
        self._start = self.layout.start()
        self._bit = 1 << self.layout.size
        """The next bit that is free."""

    def machine(self) -> Machine:
        goal = self._watch("goal", self.game.goal.when, self.game.goal.message, self.game.goal.reward)
        watches = [goal]
        for milestone in self.game.milestones:
            paid = self._next_bit()
            watches.append(
                self._watch("milestone", milestone.when, milestone.message, milestone.reward, paid, milestone.skill)
            )
        watches += [self._watch("fail", fail.when, fail.message) for fail in self.game.fails if not fail.turns]
        operators = self._linked([*self._built_in(), *self._custom()], watches)
        timers = tuple(self._timer(fail) for fail in self.game.fails if fail.turns)
        return Machine(self.game, self.layout, self._start, operators, goal, tuple(watches), timers, self._bit)

    def _next_bit(self) -> int:
        self._bit <<= 1
        return self._bit >> 1

    def _watch(
        self,
        kind: Literal["milestone", "goal", "fail"],
        facts: Facts,
        message: str,
        reward: int = 0,
        paid: int = 0,
        skill: str = "",
    ) -> Watch:
        bits = self.layout.condition(facts)
        if bits is None:
            raise ValueError(f"the facts of the {kind} contradict each other, or something that never moves: {facts}")
        if kind != "goal" and bits.holds(self._start):
            raise ValueError(f"a {kind} must not hold before the first command: {facts}")
        return Watch(kind, bits.mask, bits.want, message, reward, paid, skill)

    def _timer(self, fail: Fail) -> Timer:
        bits = self.layout.condition(fail.when)
        if bits is None:
            raise ValueError(f"the facts of a fail contradict each other: {fail.when}")
        one, width = self._bit, (fail.turns + 1).bit_length()
        self._bit <<= width
        return Timer(bits.mask, bits.want, fail.turns, one, (one << width) - one, fail.message)

    def _linked(self, operators: list[Operator], watches: list[Watch]) -> tuple[Operator, ...]:
        """Each with the watches that it may set off; it clears no bit that what it requires says is 0."""
        return tuple(self._with_watches(one, watches) for one in operators)

    def _with_watches(self, one: Operator, watches: list[Watch]) -> Operator:
        clear = ~one.keep
        if one.custom:
            for group in self.layout.groups:
                if clear & group and one.want & group:
                    clear &= ~group | one.want
        changed = clear | one.add
        concerned = tuple(watch for watch in watches if watch.mask & changed)
        return replace(one, keep=~clear, watches=concerned) if concerned or ~clear != one.keep else one

    # Commands that every game has.

    def _operator(
        self, verb: str, command: str, room: str, needs: int, change: Change, message: str, never: int = 0
    ) -> Operator:
        """needs, never: bits that must be 1, and 0."""
        here = self.layout.bits["player", room, ""]
        want = here | needs
        return Operator(
            command, verb, want | never, want, change.keep, change.add, message, BUILT_IN_SKILLS[verb], room, here
        )

    def _built_in(self) -> Iterator[Operator]:
        for way in self.game.exits:
            yield from self._ways(way)
        for thing in self.game.things:
            for room in self.layout.rooms_of(thing) if thing.openable else ():
                yield from self._hinges(thing, room)
        portables = [thing for thing in self.game.things if thing.portable]
        for room in self.layout.rooms:
            for thing in portables:
                yield from self._floor(thing.name, room)
        for holder in self.layout.holders:
            for room in self.layout.rooms_of(holder) if holder.kind != "person" else ():
                for thing in portables:
                    yield from self._contents(thing.name, holder, room)

    def _ways(self, way: Exit) -> Iterator[Operator]:
        sides = [(way.room, str(way.direction), way.to)]
        sides += [] if way.one_way else [(way.to, str(OPPOSITE[way.direction]), way.room)]
        for room, direction, to in sides:
            bits = self.layout.condition((*way.requires, RoomFact(room=room)), room)
            if bits is None:
                continue
            door = self.layout.bits["open", way.door, ""] if way.door else 0
            change = self.layout.change((RoomFact(room=to),))
            yield Operator(
                f"go {direction}",
                "go",
                bits.mask | door,
                bits.want | door,
                change.keep,
                change.add,
                f"You go {direction}.",
                BUILT_IN_SKILLS["go"],
                room,
                self.layout.bits["player", room, ""],
                way.refusal,
            )

    def _hinges(self, thing: Thing, room: str) -> Iterator[Operator]:
        bits, name = self.layout.bits, thing.name
        opened, locked = bits["open", name, ""], bits.get(("locked", name, ""), 0)
        here = bits.get(("at", name, room), 0)
        yield self._operator(
            "open", f"open {name}", room, here, Change().then(0, opened), f"You open the {name}.", opened | locked
        )
        yield self._operator(
            "close", f"close {name}", room, here | opened, Change().then(opened, 0), f"You close the {name}."
        )
        if thing.key is not None:
            key, how = bits["at", thing.key, INVENTORY], f"{name} with {thing.key}"
            said = f"the {name} with the {thing.key}."
            yield self._operator(
                "unlock", f"unlock {how}", room, here | key | locked, Change().then(locked, 0), f"You unlock {said}"
            )
            yield self._operator(
                "lock", f"lock {how}", room, here | key, Change().then(0, locked), f"You lock {said}", opened | locked
            )

    def _floor(self, name: str, room: str) -> Iterator[Operator]:
        held, floor = self.layout.bits["at", name, INVENTORY], self.layout.bits["at", name, room]
        yield self._operator("take", f"take {name}", room, floor, Change(~floor, held), f"You take the {name}.")
        yield self._operator("drop", f"drop {name}", room, held, Change(~held, floor), f"You drop the {name}.")

    def _contents(self, name: str, holder: Thing, room: str) -> Iterator[Operator]:
        bits, place = self.layout.bits, holder.name
        held, inside = bits["at", name, INVENTORY], bits["at", name, place]
        there = bits.get(("at", place, room), 0) | bits.get(("open", place, ""), 0)
        how = "in" if holder.kind == "container" else "on"
        yield self._operator(
            "take",
            f"take {name} from {place}",
            room,
            there | inside,
            Change(~inside, held),
            f"You take the {name} from the {place}.",
        )
        yield self._operator(
            "put",
            f"put {name} {how} {place}",
            room,
            there | held,
            Change(~held, inside),
            f"You put the {name} {how} the {place}.",
        )

    # Commands of this game.

    def _custom(self) -> Iterator[Operator]:
        earlier: dict[tuple[str, str | None], tuple[Operator, ...]] = {}
        for action in self.game.actions:
            paid = self._next_bit() if action.reward else 0
            for room in self._rooms_for(action):
                one = self._grounded(action, room, paid)
                if one is None:
                    continue
                before = earlier.get((action.command, room), ())
                earlier[action.command, room] = (*before, one)
                together = tuple(other for other in before if not (other.mask & one.mask) & (other.want ^ one.want))
                yield replace(one, earlier=together) if together else one

    def _rooms_for(self, action: Action) -> list[str | None]:
        """The rooms in which an action can happen; [None] where the room does not matter."""
        rooms, matters = list(self.layout.rooms), False
        names = [action.thing, action.second] if action.second else [action.thing]
        names += [fact.thing for fact in action.requires if isinstance(fact, PlaceFact) and fact.place == REACH]
        for name in names:
            thing = self.layout.things[name]
            if not thing.portable:
                rooms, matters = [room for room in rooms if room in self.layout.rooms_of(thing)], True
        for fact in action.requires:
            if isinstance(fact, RoomFact) and fact.holds:
                rooms, matters = [room for room in rooms if room == fact.room], True
        matters = matters or any(isinstance(fact, PlaceFact) and fact.place == HERE for fact in action.effects)
        siblings = [one for one in self.game.actions if one.command == action.command]
        return [*rooms] if matters or len(siblings) > 1 else [None]

    def _grounded(self, action: Action, room: str | None, paid: int) -> Operator | None:
        reach = self._joined([self.layout.reach(name, room) for name in (action.thing, action.second) if name])
        required = self.layout.condition(action.requires, room)
        both = self._joined([reach, required, self._in_room(room)])
        if both is None or reach is None:
            return None
        change = self.layout.change(action.effects, room)
        return Operator(
            action.command,
            action.verb,
            both.mask,
            both.want,
            change.keep,
            change.add,
            action.message,
            action.skill,
            room,
            reach.mask,
            action.refusal,
            True,
            action.reward,
            paid,
        )

    def _in_room(self, room: str | None) -> Condition:
        bit = self.layout.bits["player", room, ""] if room else 0
        return Condition(bit, bit)

    @staticmethod
    def _joined(conditions: Iterable[Condition | None]) -> Condition | None:
        mask = want = 0
        for one in conditions:
            if one is None or (mask & one.mask) & (want ^ one.want):
                return None
            mask, want = mask | one.mask, want | one.want
        return Condition(mask, want)
