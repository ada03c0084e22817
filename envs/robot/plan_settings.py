"""How plans are carried out, judged and paid: the options that all planning environments share."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, TypedDict, cast, get_args

from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.faults import Faults, Kind
from sparring.envs.robot.frames import require_size
from sparring.envs.robot.options import require_flag, require_number, require_text, require_whole
from sparring.envs.robot.procedure import Settings
from sparring.envs.robot.run import Setup
from sparring.envs.robot.types import Executor
from sparring.envs.robot.verifiers import NOISE, Verifier

Asked = Literal["subgoal", "plan"]
ASKED: tuple[Asked, ...] = get_args(Asked)
NO_VERIFIER = "none"
SLOT = 45
"""Control steps of a subgoal that nobody verifies."""


class PlanOptions(TypedDict, total=False):
    """How plans are carried out, judged and paid; the fields of `PlanSettings`, which says what they are."""

    ask: Asked
    verifier: str
    executor: str | Executor
    fault: float
    faults: str
    period: int
    window: int | None
    agree: int | None
    budget: int
    retries: int
    lift: bool
    repair: bool
    replan: bool
    max_turns: int
    caps: float
    noise: float
    step_cost: float
    illegal_cost: float
    frames: int
    render_mode: str | None


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How plans are carried out, judged and paid."""

    ask: Asked = "subgoal"
    """subgoal: an action is one step; plan: it is a whole plan, carried out until a step is not reached."""
    verifier: str = "oracle"
    """oracle, noisy+fp=0.1+fn=0.1, rule, trained:FILE, or none (every step gets 45 control steps)."""
    executor: str | Executor = "scripted"
    """scripted, hasty, cloned:FILE, remote:URL, or an object of yours."""
    fault: float = 0.0
    """The probability that an attempt meets a fault."""
    faults: str = "slip+knock+motion"
    """Of which kinds: slip, knock, motion, stuck, delay, dropout, grounding."""
    period: int = 10
    """Control steps between two checks."""
    window: int | None = None
    """The verdicts that count; None: 2, or what a trained verifier was chosen with."""
    agree: int | None = None
    """Of these, so many must say yes; None: 2, or what a trained verifier was chosen with."""
    budget: int = 70
    """Control steps of an attempt."""
    retries: int = 3
    """Further attempts at a step."""
    lift: bool = True
    """Whether the hand is lifted before a retry."""
    repair: bool = True
    """Whether a lost thing is picked up again before a retry."""
    replan: bool = True
    """Whether a plan is given up when a step is not reached; if not, the next step is tried."""
    max_turns: int = 20
    """Actions until the episode is truncated."""
    caps: float = 3.0
    """Control steps of an episode, in units of the world's own cap."""
    noise: float = NOISE
    """Of the verifier's sensor, standard deviation in metres."""
    step_cost: float = 0.01
    """What a step of a plan costs."""
    illegal_cost: float = 0.05
    """What an action costs that cannot be read."""
    frames: int = 0
    """Pixels of the cameras' pictures beside the text; 0: no pictures."""
    render_mode: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.ask not in ASKED:
            raise ValueError(f"ask must be one of {', '.join(map(repr, ASKED))}, got {self.ask!r}")
        require_whole("max_turns", self.max_turns)
        require_flag("replan", self.replan)
        for name in ("step_cost", "illegal_cost"):
            require_cost(name, getattr(self, name))
        require_size(self.frames)

    def setup(self, verifier: Verifier | None) -> Setup:
        """What the procedure is run with. Raises ValueError."""
        advised = getattr(verifier, "advises", (2, 2))
        settings = Settings(
            self.period,
            advised[1] if self.window is None else self.window,
            advised[0] if self.agree is None else self.agree,
            self.budget,
            self.retries,
            self.lift,
            self.repair,
            SLOT if verifier is None else None,
        )
        faults = Faults(self.fault, kinds_of(self.faults))
        return Setup(settings, faults, executor_of(self.executor), self.caps, self.noise)


def require_cost(name: str, value: object) -> None:
    """Raises ValueError unless it is a finite number that is not negative."""
    require_number(name, value, "be a finite number >= 0", 0.0, sys.float_info.max)


def kinds_of(faults: str) -> tuple[Kind, ...]:
    """The kinds in "slip+knock"; `Faults` checks them. Raises ValueError for what is no text."""
    require_text("faults", faults)
    return cast(tuple[Kind, ...], tuple(faults.split("+")))
