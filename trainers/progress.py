"""How far an update is, for whoever watches: the games that are over, the passes that were learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparring.rollout.match import Event


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment within an update."""

    what: str
    """playing, measuring or learning."""
    done: int
    total: int
    unit: str
    """What is counted: game, pass."""
    turns: int = 0
    """That were taken in all these games, over or not."""


Hear = Callable[[Progress], None]


@dataclass(slots=True)
class GamesHeard:
    """Counts games and turns as they are played, and passes them on."""

    what: str
    done: int
    total: int
    hear: Hear
    turns: int = 0

    def __call__(self, event: Event) -> None:
        """Hear of a game."""
        self.done += event.kind == "done"
        self.turns += event.kind == "turn"
        self.hear(Progress(self.what, self.done, self.total, "game", self.turns))


def passes_heard(hear: Hear | None, before: int, total: int) -> Callable[[int], None]:
    """Passes on how many passes of all epochs are done, given those of this epoch."""
    if hear is None:
        return lambda number: None
    return lambda number: hear(Progress("learning", before + number, total, "pass"))
