"""The shortest winning plan of a game, and whether a state can still be won.

`solve` is breadth-first over the compiled machine with operators that a plan may need (`relevance`), independent ones
in one order only (`ordering`); it looks at so many states and no more, and then says so. `Prospects` tells from any
state whether it can be won, not how fast.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Literal

from sparring.envs.adventures.worlds.machine import Machine, Operator
from sparring.envs.adventures.worlds.ordering import eager_deeds, harmless_deeds
from sparring.envs.adventures.worlds.relevance import relevant_operators
from sparring.envs.adventures.worlds.spec import MOST_TURNS

MOST_STATES = 200_000
MOST_STATES_OF_ONE = 20_000
"""Looked at to find out whether one state can be won."""
Verdict = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The shortest way to win."""

    operators: tuple[Operator, ...]
    states: int
    """How many states were looked at."""

    @property
    def commands(self) -> tuple[str, ...]:
        """What to write, in order."""
        return tuple(one.command for one in self.operators)

    @property
    def skills(self) -> tuple[str, ...]:
        """What the commands are examples of, each once."""
        return tuple(sorted({one.skill for one in self.operators if one.skill}))

    def __len__(self) -> int:
        return len(self.operators)


@dataclass(frozen=True, slots=True)
class Unwinnable:
    """All states that matter were looked at, and none wins."""

    states: int

    def __str__(self) -> str:
        return f"no command sequence wins: all {self.states} states that matter were looked at"


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The search looked at as many states as it may, without an answer."""

    states: int

    def __str__(self) -> str:
        return f"no plan among the first {self.states} states; the search gave up there, so nothing is known"


def solve(machine: Machine, most_states: int = MOST_STATES) -> Plan | Unwinnable | GaveUp:
    """The shortest plan from the first state.

    First as if nothing could be lost, where independent commands need no order; if that plan loses, then in full.
    """
    found = _shortest(machine, most_states, reduced=True)
    if isinstance(found, Plan) and not _survives(machine, found):
        return _shortest(machine, most_states, reduced=False)
    return found


def _shortest(machine: Machine, most_states: int, reduced: bool) -> Plan | Unwinnable | GaveUp:
    search = _Search(machine, relevant_operators(machine), reduced)
    parents: dict[int, tuple[int, Operator] | None] = {machine.start: None}
    level, deadline = [machine.start], _deadline(machine)
    if search.wins(machine.start):
        return Plan((), 1)
    while level and deadline >= 0:
        following: list[int] = []
        deadline -= 1
        for state in level:
            for operator, after in search.successors(state):
                if after in parents:
                    continue
                parents[after] = (state, operator)
                if search.wins(after):
                    return Plan(_way_to(after, parents), len(parents))
                following.append(after)
        if len(parents) > most_states:
            return GaveUp(len(parents))
        level = following
    return Unwinnable(len(parents))


def _survives(machine: Machine, plan: Plan) -> bool:
    """Whether nothing that loses happens on the way."""
    state = machine.start
    for operator in plan.operators:
        state = machine.after(state, operator)
        ending = machine.ending(state)
        if ending is not None and ending is not machine.goal:
            return False
    return True


def _deadline(machine: Machine) -> int:
    """After so many turns the game is lost unless the next one wins it."""
    return min((timer.turns for timer in machine.timers if not timer.mask), default=MOST_TURNS)


def _way_to(state: int, parents: dict[int, tuple[int, Operator] | None]) -> tuple[Operator, ...]:
    way: list[Operator] = []
    while (step := parents[state]) is not None:
        state, operator = step
        way.append(operator)
    return tuple(reversed(way))


class _Search:
    """The states that follow each other by some of the operators.

    reduced: nothing is ever lost, and where an eager deed is possible nothing else is. Else lost states do not
    follow.
    """

    def __init__(self, machine: Machine, operators: list[Operator], reduced: bool = False) -> None:
        self._player, self._goal = machine.layout.player_mask, machine.goal
        self._timers = [timer for timer in machine.timers if timer.mask]
        self._fails = [watch for watch in machine.watches if watch.kind == "fail"]
        everywhere = [one for one in operators if one.room is None]
        self._by_room = {
            machine.layout.bits["player", room, ""]: [one for one in operators if one.room == room] + everywhere
            for room in machine.layout.rooms
        }
        self._machine, self._reduced = machine, reduced
        eager = eager_deeds(machine, operators) if reduced else {}
        self._eager = {deed: (machine.free_bit << at, eager[deed]) for at, deed in enumerate(eager)}
        """The bit, beside those of a state, that says whether an eager deed was done; and when it is eager."""

    def wins(self, state: int) -> bool:
        return state & self._goal.mask == self._goal.want

    def successors(self, state: int) -> list[tuple[Operator, int]]:
        """(operator, next state). A deadline of the whole game is left out: whoever searches counts the turns."""
        found = [
            (one, state & one.keep | one.add)
            for one in self._by_room[state & self._player]
            if state & one.mask == one.want and not (one.earlier and not one.acts(state))
        ]
        if self._reduced:
            return self._at_once(state, found)
        return self._judged(found) if self._timers or self._fails else found

    def _at_once(self, state: int, found: list[tuple[Operator, int]]) -> list[tuple[Operator, int]]:
        """The first eager one alone, with the note that it was done; else all of them."""
        for operator, after in found:
            known = self._eager.get((operator.keep, operator.add))
            if known and not after & known[0] and known[1].now(state):
                return [(operator, after | known[0])]
        return found

    def _judged(self, found: list[tuple[Operator, int]]) -> list[tuple[Operator, int]]:
        alive: list[tuple[Operator, int]] = []
        for operator, plain in found:
            after = plain
            for timer in self._timers:
                after = timer.after(after)
            if self.wins(after) or self._machine.ending(after) is None:
                alive.append((operator, after))
        return alive


class Prospects:
    """Whether states of a game can still be won, told with the help of a plan that wins it.

    Best-first: a state is the nearer, the more it is like the one in which the plan ends.
    """

    def __init__(self, machine: Machine, plan: Plan, most_states: int = MOST_STATES_OF_ONE) -> None:
        operators = relevant_operators(machine, everywhere=True)
        self._search = _Search(machine, operators)
        self._goal, self._most, self._end = machine.goal, most_states, machine.start
        for operator in plan.operators:
            self._end = self._end & operator.keep | operator.add
        self._mask = (self._end ^ machine.start) & ~machine.layout.player_mask
        safe = not any(timer.mask for timer in machine.timers) and all(one.kind != "fail" for one in machine.watches)
        self._harmless = harmless_deeds(machine, operators) if safe else frozenset()

    def can_be_won(self, state: int) -> Verdict:
        """From a state in which the game is not over; a deadline of the whole game is not counted."""
        order = itertools.count()
        known, queue = {state}, [(self._distance(state), next(order), state)]
        while queue:
            _, _, state = heapq.heappop(queue)
            if self._search.wins(state):
                return "yes"
            for after in self._following(state):
                if after not in known:
                    known.add(after)
                    heapq.heappush(queue, (self._distance(after), next(order), after))
            if len(known) > self._most:
                return "unknown"
        return "no"

    def _following(self, state: int) -> list[int]:
        """What a deed that harms nothing leads to, alone; else all next states."""
        found = self._search.successors(state)
        for operator, after in found:
            if (operator.keep, operator.add) in self._harmless and after != state:
                return [after]
        return [after for _, after in found]

    def _distance(self, state: int) -> int:
        """How many bits differ from the end of the plan, of those that the plan changes."""
        return ((state ^ self._end) & self._mask).bit_count()
