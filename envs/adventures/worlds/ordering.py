"""Commands that a shortest plan may as well give at once: the order of independent commands need not be searched.

Operators that do the same (opening a door from either side) are one *deed*. A deed is *eager* in a state where

1. every plan needs it: without it the goal is out of reach even if nothing were ever taken away;
2. it disturbs no other that can still act before it: what it changes, no other wants as it was, or changes otherwise.

A state in which an eager deed is possible, and was not done on the way there, needs no other successor: any winning
continuation holds the deed, and may begin with it, at the same length (a strong stubborn set of one, Valmari 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.envs.adventures.worlds.machine import Machine, Operator

Deed = tuple[int, int]
"""What an operator keeps and adds."""


@dataclass(frozen=True, slots=True)
class Eager:
    """When a deed is eager."""

    disturbed: tuple[int, ...]
    """For each operator that it disturbs, bits that it requires and nothing ever sets again: one must be 0 by now."""

    def now(self, state: int) -> bool:
        """Whether it is, in a state in which it is possible."""
        return all(needed & ~state for needed in self.disturbed)


def deed_of(operator: Operator) -> Deed:
    """What it does, wherever it is done."""
    return operator.keep, operator.add


def eager_deeds(machine: Machine, operators: Sequence[Operator]) -> dict[Deed, Eager]:
    """What may come first where it is possible, of the relevant operators, and when."""
    deeds: dict[Deed, list[Operator]] = {}
    for one in operators:
        deeds.setdefault(deed_of(one), []).append(one)
    found: dict[Deed, Eager] = {}
    relations = _Relations(machine, operators)
    for deed, doing in deeds.items():
        eager = relations.eager(doing) if _may_be_eager(doing) else None
        if eager and not _reaches_goal(machine, [one for one in operators if deed_of(one) != deed]):
            found[deed] = eager
    return found


def harmless_deeds(machine: Machine, operators: Sequence[Operator]) -> frozenset[Deed]:
    """Deeds that never make anything impossible, the goal included: where one changes something, nothing is lost by it.

    The operators must be all that matter from any state of the game.
    """
    deeds: dict[Deed, list[Operator]] = {}
    for one in operators:
        deeds.setdefault(deed_of(one), []).append(one)
    relations, goal = _Relations(machine, operators), machine.goal
    return frozenset(
        deed
        for deed, doing in deeds.items()
        if _may_be_eager(doing)
        and not (~deed[0] & ~deed[1] & goal.want or deed[1] & goal.mask & ~goal.want)
        and (eager := relations.eager(doing)) is not None
        and not eager.disturbed
    )


def _may_be_eager(doing: Sequence[Operator]) -> bool:
    return not any(one.verb == "go" or one.earlier for one in doing)


def _reaches_goal(machine: Machine, operators: Sequence[Operator]) -> bool:
    """Whether the goal's bits can be had with these operators, if no value of a bit is ever lost."""
    possible, cleared, left, goal = machine.start, ~machine.start, operators, machine.goal
    while True:
        acting = [one for one in left if not (one.want & ~possible or one.mask & ~one.want & ~cleared)]
        if not acting:
            return False
        left = [one for one in left if one.want & ~possible or one.mask & ~one.want & ~cleared]
        for one in acting:
            possible |= one.add
            cleared |= ~one.keep & ~one.add
        if not (goal.want & ~possible or goal.mask & ~goal.want & ~cleared):
            return True


class _Relations:
    """Which operators come in each other's way."""

    def __init__(self, machine: Machine, operators: Sequence[Operator]) -> None:
        self._operators, self._groups = operators, machine.layout.groups
        self._set_again = 0
        for one in operators:
            self._set_again |= one.add

    def eager(self, doing: Sequence[Operator]) -> Eager | None:
        """When the deed of some operators is eager; None: never."""
        first = doing[0]
        changed, needed = ~first.keep | first.add, []
        for other in self._operators:
            if deed_of(other) == deed_of(first):
                continue
            if any(earlier.mask & changed for earlier in other.earlier):
                return None
            if _disturbs(first, other) and not all(self._cannot_precede(other, one) for one in doing):
                lost = other.want & ~self._set_again
                if not lost:
                    return None
                needed.append(lost)
        return Eager(tuple(needed))

    def _cannot_precede(self, other: Operator, one: Operator) -> bool:
        """Whether an operator cannot act, wherever another one can, before that has acted.

        They want a bit to be different, and whatever could turn it is the other one itself, or needs what it alone
        gives.
        """
        opposed = one.mask & other.mask & (one.want ^ other.want) | self._zeros(one) & other.want
        while opposed:
            bit = opposed & -opposed
            opposed ^= bit
            if self._only_after(one, bit, bool(other.want & bit)):
                return True
        return False

    def _only_after(self, one: Operator, bit: int, to_one: bool) -> bool:
        deed, only, turning = deed_of(one), one.add, []
        for other in self._operators:
            if deed_of(other) != deed:
                only &= ~other.add
                if (other.add if to_one else ~other.keep & ~other.add) & bit:
                    turning.append(other)
        return all(other.want & only for other in turning)

    def _zeros(self, one: Operator) -> int:
        """The bits that are 0 because of others that an operator requires to be 1."""
        zeros = 0
        for group in self._groups:
            if one.want & group:
                zeros |= group & ~one.want
        return zeros


def _disturbs(one: Operator, other: Operator) -> bool:
    """Whether an operator makes a bit what another one does not want it to be, or does not make it."""
    cleared, cleared_by_other = ~one.keep & ~one.add, ~other.keep & ~other.add
    return bool(cleared & (other.want | other.add) or one.add & (other.mask & ~other.want | cleared_by_other))
