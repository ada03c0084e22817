"""What graders find: a verdict, with what was done, what was seen, and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sparring.scoreboard.judge.trial import Trial

Verdict = Literal["PASS", "FAIL", "SKIP"]


class Skip(Exception):
    """The property cannot be judged on this server; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a grader saw."""

    text: str
    is_right: bool = True


@dataclass(frozen=True, slots=True)
class Grader:
    """One property of a server, and how it is judged."""

    name: str
    did: str
    """What is done, in a sentence without its subject."""
    right: str
    """What would be right."""
    look: Callable[[Trial], Seen]
    """Raises Skip; ServerFailed, TimeoutError count as not right."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One property, and whether it holds."""

    name: str
    verdict: Verdict
    did: str
    saw: str
    """Where it is skipped: why."""
    right: str


@dataclass(frozen=True, slots=True)
class Report:
    """All grades of one server."""

    url: str
    name: str
    """What the server calls its environment."""
    grades: tuple[Grade, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not any(grade.verdict == "FAIL" for grade in self.grades)

    @property
    def verdict(self) -> str:
        """In one sentence."""
        passed, failed, skipped = (
            sum(grade.verdict == which for grade in self.grades) for which in ("PASS", "FAIL", "SKIP")
        )
        return f"{passed} passed, {failed} failed, {skipped} skipped: {'sound' if self.ok else 'NOT sound'}"
