"""What every engine says after a reset or a step, and what every engine can do."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Protocol

BLANKS = re.compile(r"[ \t]+$", re.MULTILINE)
GAPS = re.compile(r"\n{3,}")


@dataclass
class Situation:
    """A moment of a game."""

    text: str
    """What the game shows, without status line and marks."""
    score: float
    """In the engine's points, since the start."""
    max_score: float | None = None
    won: bool = False
    lost: bool = False
    over: bool = False
    """Whether the engine takes no more commands."""
    admissible: list[str] | None = None
    """Commands that the engine lists; None where it knows none."""
    understood: bool = True
    """False where the engine says that a command is no action."""
    task: str = ""
    """What is to be done, where the engine says it."""
    name: str = ""
    """Of the game or the task, for tables."""
    room: str = ""
    """Where the player is, where the engine says it."""
    turn: int = 0
    """Commands played, where the engine counts them."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Impossible(ValueError):
    """What was asked for can be no game; the message says why, for whoever chose the options."""


class Engine(Protocol):
    """One game at a time. A seed below 0 means one of the held-out games."""

    def reset(self, seed: int) -> Situation:
        """Start the game of a seed."""
        ...

    def step(self, command: str) -> Situation:
        """Play a command."""
        ...

    def plan(self, seed: int) -> list[str] | None:
        """Commands that win the game of a seed, where they are known. The game at hand is lost."""
        ...

    def close(self) -> None:
        """End what the engine has started."""
        ...


def clean(text: str) -> str:
    """Without blanks at the ends of lines, and with one empty line at most between paragraphs."""
    return GAPS.sub("\n\n", BLANKS.sub("", text.replace("\r", "").replace("\t", "  "))).strip("\n ")
