"""A game compiled: every command that any state may admit, as an operator on the bits of the state.

A turn: the operator acts; milestones that hold now are paid; the goal is looked at, then what loses; then the timers
count. Whoever wins and loses in one turn has won.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sparring.envs.adventures.worlds.layout import Layout
from sparring.envs.adventures.worlds.spec import Game

Ending = Literal["won", "lost"]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What is looked at after a turn: a milestone, the goal, or what loses."""

    kind: Literal["milestone", "goal", "fail"]
    mask: int
    want: int
    message: str
    reward: int = 0
    paid: int = 0
    """The bit of a milestone that was paid."""
    skill: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Timer:
    """What loses when it has held for more than so many turns in a row; its count lies in the state."""

    mask: int
    want: int
    turns: int
    one: int
    """One turn, in the bits of the count."""
    field: int
    """All bits of the count."""
    message: str

    def after(self, state: int) -> int:
        """The state at the end of a turn, with the new count."""
        if state & self.mask == self.want:
            return state + self.one
        return state & ~self.field

    def is_over(self, state: int) -> bool:
        """Whether it has been too long."""
        return (state & self.field) > self.turns * self.one


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One command in one situation."""

    command: str
    verb: str
    mask: int
    want: int
    keep: int
    add: int
    message: str
    skill: str = ""
    room: str | None = None
    """Where the player must be; None: anywhere."""
    reach: int = 0
    """Those bits of `mask` that say what is in reach."""
    refusal: str = ""
    custom: bool = False
    reward: int = 0
    paid: int = 0
    watches: tuple[Watch, ...] = ()
    """What may hold after it and did not before."""
    earlier: tuple[Operator, ...] = ()
    """Those of the same command that act instead where they are possible, and can be possible where this one is."""

    def acts(self, state: int) -> bool:
        """Whether it is what its command does in a state."""
        return state & self.mask == self.want and not any(state & one.mask == one.want for one in self.earlier)


@dataclass(slots=True, eq=False)
class Machine:
    """A compiled game."""

    game: Game
    layout: Layout
    start: int
    operators: tuple[Operator, ...]
    goal: Watch
    watches: tuple[Watch, ...]
    timers: tuple[Timer, ...]
    free_bit: int
    """The first bit that no state uses."""
    by_room: dict[int, list[Operator]] = field(default_factory=dict)
    """By the bit of the player's room."""

    def __post_init__(self) -> None:
        everywhere = [one for one in self.operators if one.room is None]
        for room in self.layout.rooms:
            here = [one for one in self.operators if one.room == room]
            self.by_room[self.layout.bits["player", room, ""]] = here + everywhere

    def admissible(self, state: int) -> list[Operator]:
        """What the commands that are possible in a state do, without those that only look."""
        return [one for one in self.by_room[state & self.layout.player_mask] if one.acts(state)]

    def ending(self, state: int) -> Watch | Timer | None:
        """What ends the game in a state: the goal, or what loses."""
        if state & self.goal.mask == self.goal.want:
            return self.goal
        for watch in self.watches:
            if watch.kind == "fail" and state & watch.mask == watch.want:
                return watch
        return next((timer for timer in self.timers if timer.is_over(state)), None)

    def after(self, state: int, operator: Operator) -> int:
        """The next state as far as it decides what can happen: what was paid is left out."""
        state = state & operator.keep | operator.add
        for timer in self.timers:
            state = timer.after(state)
        return state
