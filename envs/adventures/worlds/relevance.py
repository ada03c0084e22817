"""Which operators a plan may need: what adds to the goal, or to what such operators require.

Left out are moves that only undo others: dropping, closing and locking help nobody unless the goal, an action of the
game or an exit asks for where the thing then is. No shortest plan holds any of the operators that are left out.
"""

from __future__ import annotations

from sparring.envs.adventures.worlds.machine import Machine, Operator


def relevant_operators(machine: Machine, everywhere: bool = False) -> list[Operator]:
    """Operators of which shortest plans are made.

    everywhere: from any state of the game; else those that can act after the first state.
    """
    wanted = _Wanted(machine)
    while wanted.grow():
        pass
    return wanted.operators if everywhere else _that_can_act(machine, wanted.operators)


class _Wanted:
    """Grows from the goal backwards. For bits that must be 1 and bits that must be 0: who wants them."""

    def __init__(self, machine: Machine) -> None:
        self._left = list(machine.operators)
        self.operators: list[Operator] = []
        goal = machine.goal
        self._set = goal.want
        self._clear = goal.mask & ~goal.want
        fails = [watch for watch in machine.watches if watch.kind == "fail"]
        avoided = [(one.mask, one.want) for one in fails] + [(one.mask, one.want) for one in machine.timers]
        for mask, want in avoided:  # a plan may have to get out of its way
            self._set |= mask & ~want
            self._clear |= want
        self._set_by_game, self._clear_by_game = self._set, self._clear

    def grow(self) -> bool:
        """Add the operators that do something wanted; whether there were any."""
        helps = [self._helps(one) for one in self._left]
        found = [one for one, does in zip(self._left, helps, strict=True) if does]
        self._left = [one for one, does in zip(self._left, helps, strict=True) if not does]
        for one in found:
            self._want(one)
        self.operators += found
        return bool(found)

    def _helps(self, one: Operator) -> bool:
        cleared = ~one.keep & ~one.add
        if one.custom or one.verb in ("go", "take", "open", "unlock"):
            return bool(one.add & self._set or cleared & self._clear)
        return bool(one.add & self._set_by_game or cleared & self._clear_by_game)

    def _want(self, one: Operator) -> None:
        """All that it requires; what it undoes itself is wanted of the game's own actions only."""
        self._set |= one.want
        self._clear |= one.mask & ~one.want
        for earlier in one.earlier:  # it must not be possible: any bit that it alone requires may have to be otherwise
            own = earlier.mask & ~one.mask
            self._set |= own & ~earlier.want
            self._clear |= own & earlier.want
            self._set_by_game |= own & ~earlier.want
            self._clear_by_game |= own & earlier.want
        changed = 0 if one.custom else ~one.keep | one.add
        self._set_by_game |= one.want & ~changed
        self._clear_by_game |= one.mask & ~one.want & ~changed


def _that_can_act(machine: Machine, operators: list[Operator]) -> list[Operator]:
    """Those whose bits can all be 1 at some time, where nothing is ever taken away."""
    possible, left = machine.start, operators
    found: list[Operator] = []
    while True:
        acting = [one for one in left if one.want & ~possible == 0]
        if not acting:
            return found
        left = [one for one in left if one.want & ~possible]
        for one in acting:
            possible |= one.add
        found += acting
