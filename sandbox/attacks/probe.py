"""A probe: a hostile program as data, and the rule that says when it broke out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent
from typing import Any, Literal

from sparring.sandbox.attacks.prelude import PRELUDE

ALONE = "judge(others(), others())"
"""What the next run executes to see whether it is alone."""
Family = Literal[
    "resources", "processes", "files", "secrets", "network", "kernel", "host calls", "cross-run", "verdict"
]


class Breach(StrEnum):
    """What counts as a breach. Whatever the rule, every probe breaches too if the call takes more than the wall limit
    and two seconds, a process of the run outlives it, the host's secret arrives, the caller executes something, or the
    next ordinary run does not work."""

    PRINTS = "the program verified the effect from inside and printed BREACH"
    OVERRUNS = "the call took more than the wall limit and two seconds"
    LINGERS = "the call did not return within a second and a half"
    OUTLIVES = "a process of the run is alive after the call"
    FLOODS = "more output than the limit arrived, or the caller's memory grew by 64 MiB"
    LEAKS = "a collected file holds the host's secret, or more bytes than the limit"
    LIES = "the outcome says something else than what the program did"
    NEXT_SEES = "the next run printed BREACH: it met what this one left"
    CALLS = "more host calls than the budget were served"
    PASSES = "the grader passed a wrong program"


@dataclass(frozen=True, slots=True)
class Probe:
    """One attack."""

    name: str
    """Letter of the family, number, a few words: "R01 fork bomb"."""
    family: Family
    what: str
    """One sentence: what it tries."""
    program: str
    """Python that runs inside, after the prelude; a verdict attack is a candidate for `add`, without the prelude."""
    breach: Breach = Breach.PRINTS
    ends: tuple[str, ...] = ("ok",)
    """Statuses that an honest outcome may have; anything else is the breach of LIES, and makes other rows unclear."""
    then: str = ""
    """What the next run of the same sandbox executes (after the prelude)."""
    then_ends: tuple[str, ...] = ("ok",)
    """The statuses that an honest outcome of the next run may have; anything else is a breach."""
    collect: tuple[str, ...] = ()
    """Files that the host collects after the run."""
    limits: Mapping[str, Any] | None = None
    """Limits that differ from the suite's."""
    stopped_by: tuple[str, ...] = ()
    """The defences (fields of `Defences`, "cgroup") that stop it."""

    @property
    def number(self) -> str:
        """The name's first word, e.g. "R01"."""
        return self.name.split()[0]


def source(program: str, facts: Mapping[str, object]) -> str:
    """The text that runs: the facts as constants, the prelude, the program."""
    constants = "\n".join(f"{name} = {value!r}" for name, value in facts.items())
    return f"{constants}\n{PRELUDE}\n{dedent(program)}"
