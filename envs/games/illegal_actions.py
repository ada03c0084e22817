"""Illegal actions of a game in play: who acted illegally, how often in a row, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sparring.envs.retrieval.escaping import harmless

IllegalRule = Literal["forfeit", "spiral", "retry", "noop"]
MOST_REJECTED = 80
"""Characters that are shown of an illegal action."""


@dataclass(slots=True)
class IllegalActions:
    """Those of one game, under one rule. See `TextGame` for the rules."""

    rule: IllegalRule
    retries: int
    feedback: bool
    offenders: set[str] = field(default_factory=set)
    """Seats that acted illegally in this game."""
    _tries: int = 0
    _rejected: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for a rule that there is not, and a number of retries below 0."""
        if self.rule not in ("forfeit", "spiral", "retry", "noop"):
            raise ValueError(f"illegal must be one of 'forfeit', 'spiral', 'retry', 'noop', got {self.rule!r}")
        if self.retries < 0:
            raise ValueError(f"retries must be >= 0, got {self.retries}")

    def __deepcopy__(self, memo: dict[int, object]) -> IllegalActions:
        return IllegalActions(
            self.rule, self.retries, self.feedback, self.offenders.copy(), self._tries, self._rejected.copy()
        )

    def forget(self) -> None:
        """A new game begins, in which nobody has acted illegally."""
        self.offenders, self._tries, self._rejected = set(), 0, {}

    def accept(self, seat: str) -> None:
        """The seat has acted legally."""
        self._tries = 0
        self._rejected.pop(seat, None)

    def note(self, seat: str) -> None:
        """The seat has acted illegally."""
        self.offenders.add(seat)
        self._tries += 1

    @property
    def forfeits(self) -> bool:
        """Whether the last illegal action ends the game, by forfeit."""
        return self.rule == "forfeit" or (self.rule == "retry" and self._tries > self.retries)

    def reject(self, seat: str, action: str, turn_passes: bool) -> None:
        """The game goes on; `told` says to the seat what its action was."""
        if self.feedback:
            self._rejected[seat] = harmless(action, MOST_REJECTED)
        if turn_passes:
            self._tries = 0

    def told(self, seat: str) -> dict[str, str]:
        """What the info of a seat says of its last action, if that was illegal."""
        return {"illegal_action": self._rejected[seat]} if seat in self._rejected else {}
