"""The Standardised Action Procedure (SAP) of Agentic Robot (arXiv 2505.23450): act, verify, recover, for one subgoal.

    begin ─► act ... act ─► check ─► enough yes: reached, the planner goes on
               ▲              └───► not yet: act on, until the budget is spent
               └── recover: lift, pick up again what was lost, try again ◄──┘ (retries)

The paper's figure lifts the gripper and tries again; its release does neither, and asks about one frame only. Here all
of it is a setting, with defaults that were measured (docs/robot.md): a check every 10 steps, the last 2 must say yes.
Recovery asks the verifier, and never the world, whether the thing is still held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from math import isfinite
from typing import Literal

import numpy as np

from sparring.envs.robot.faults import Disturbance, Faults
from sparring.envs.robot.options import require_flag, require_whole
from sparring.envs.robot.skills import reached
from sparring.envs.robot.types import Array, Executor, ExecutorFailed, Frame, World
from sparring.envs.robot.verifiers import Check, Sensor
from sparring.robotics.skills import repair
from sparring.robotics.words import Subgoal

LIFT_STEPS = 12
"""Control steps of lifting the hand."""
Kind = Literal["try", "repair", "look"]
Asking = Generator[Check, bool, bool]
"""Gives checks, takes verdicts, and returns whether the subgoal was accepted."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How subgoals are carried out."""

    period: int = 10
    """Control steps between two checks."""
    window: int = 2
    """The verdicts that are remembered."""
    agree: int = 2
    """Of these, so many must say yes."""
    budget: int = 70
    """Control steps of an attempt."""
    retries: int = 3
    """Further attempts at a subgoal."""
    lift: bool = True
    """Whether the hand is lifted before a retry."""
    repair: bool = True
    """Whether a lost thing is picked up again before a retry."""
    slot: int | None = None
    """No checks at all: every subgoal gets so many steps (open loop)."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        for name in ("period", "window", "agree", "budget"):
            require_whole(name, getattr(self, name))
        require_whole("retries", self.retries, least=0)
        for name in ("lift", "repair"):
            require_flag(name, getattr(self, name))
        if self.slot is not None:
            require_whole("slot", self.slot)
        if self.agree > self.window:
            raise ValueError(f"agree must be at most window, got {self.agree} of {self.window}")


@dataclass(slots=True)
class Attempt:
    """One attempt at a subgoal, as it is recorded."""

    kind: Kind
    """try: at a subgoal of the plan; repair: picking up again what was lost; look: only asking whether it was lost."""
    subgoal: str
    number: int
    """Of the try: 0 is the first. A repair and a look have that of the try that follows."""
    steps: int = 0
    checks: list[tuple[int, bool, bool]] = field(default_factory=list)
    """(step, verdict, truth)."""
    fault: str | None = None
    """The kind of a fault that set in."""
    fault_step: int | None = None
    accepted: bool = False
    reached: bool = False
    """The truth at its end."""


class OutOfSteps(Exception):
    """The episode's control steps are spent."""


class Procedure:
    """Carries out subgoals in a world, with one executor; verdicts are asked of whoever holds the generator."""

    def __init__(
        self,
        world: World,
        executor: Executor,
        settings: Settings,
        faults: Faults,
        seed: int,
        max_steps: int,
        noise: float,
    ) -> None:
        """`seed` decides faults and the sensor's noise; `max_steps`: control steps of the episode; `noise`: metres."""
        self.world, self.executor, self.settings, self.faults = world, executor, settings, faults
        self.steps, self.max_steps, self.checks = 0, max_steps, 0
        self.attempts: list[Attempt] = []
        self.solved_at: int | None = None
        """The control step in which the goal held for the first time."""
        self._seed, self._serial, self._shape = seed, 0, world.rest(0.0).shape
        self._sensor = Sensor(seed, noise)
        self._disturbance = Disturbance(None)

    def pursue(self, subgoal: Subgoal) -> Asking:
        """Carry out a subgoal, with retries. Raises OutOfSteps, ExecutorFailed."""
        self._serial += 1
        for number in range(1 + self.settings.retries):
            if number and not (yield from self._recover(subgoal, number)):
                continue
            if (yield from self._attempt("try", subgoal, number)):
                return True
        return False

    def frames(self, size: int) -> Mapping[str, Frame]:
        """What the cameras show now."""
        return {name: self._disturbance.seen(self.world.frame(name, size)) for name in self.world.cameras}

    def told(self, first: int = 0) -> list[dict[str, object]]:
        """The attempts from the one of this number on, as plain data."""
        return [asdict(attempt) for attempt in self.attempts[first:]]

    def _attempt(self, kind: Kind, subgoal: Subgoal, number: int) -> Asking:
        disturbance = self._disturbance = Disturbance(self.faults.drawn(self._seed, self._serial, kind, number))
        attempt = Attempt(kind, str(subgoal), number)
        self.attempts.append(attempt)
        self._sensor.begin(self.world, subgoal)
        self.executor.begin(self.world, disturbance.grounded(subgoal, self.world), number)
        try:
            attempt.accepted = yield from self._until_accepted(subgoal, attempt, disturbance)
        finally:
            attempt.reached = reached(self.world, subgoal)
        return attempt.accepted

    def _until_accepted(self, subgoal: Subgoal, attempt: Attempt, disturbance: Disturbance) -> Asking:
        settings, recent = self.settings, deque[bool](maxlen=self.settings.window)
        for step in range(1, (settings.slot or settings.budget) + 1):
            attempt.steps = step
            if disturbance.fault is None:
                self._move(self._action())
            else:
                if disturbance.started(step) and attempt.fault is None:
                    attempt.fault, attempt.fault_step = disturbance.fault.kind, step
                disturbance.disturb(self.world, subgoal, step)
                self._move(disturbance.alter(self._action(), step))
            if settings.slot is None and step % settings.period == 0:
                recent.append((yield from self._ask(subgoal, attempt, step)))
                if sum(recent) >= settings.agree:
                    return True
        return settings.slot is not None

    def _ask(self, subgoal: Subgoal, attempt: Attempt, step: int) -> Asking:
        truth = reached(self.world, subgoal)
        self.checks += 1
        sense = cache(partial(self._sensor.read, self.world, subgoal, self.checks, truth))
        said = yield Check(subgoal, self.checks, step, truth, sense, self.frames)
        attempt.checks.append((step, said, truth))
        return said

    def _recover(self, subgoal: Subgoal, number: int) -> Asking:
        """Before a retry; returns whether it makes sense now."""
        if self.settings.lift:
            self._lift()
        again = repair(subgoal) if self.settings.repair else None
        if again is None or (yield from self._still_held(again, number)):
            return True
        return (yield from self._attempt("repair", again, number))

    def _still_held(self, again: Subgoal, number: int) -> Asking:
        """What the verifier says about it, as often as an acceptance takes: a single wrong yes must not be enough."""
        attempt = Attempt("look", str(again), number, reached=reached(self.world, again))
        self.attempts.append(attempt)
        self._sensor.begin(self.world, again)
        for _ in range(self.settings.agree):
            if not (yield from self._ask(again, attempt, 0)):
                return False
        attempt.accepted = True
        return True

    def _lift(self) -> None:
        up = self.world.rest(1.0 if self.world.opening < 0.7 else -1.0)
        up[2] = 1.0
        for _ in range(LIFT_STEPS):
            self._move(up)

    def _action(self) -> Array:
        """The executor's action, checked; a copy, for the executor may write into its own. Raises ExecutorFailed."""
        action = np.array(self.executor.act(self.world), np.float32)
        values = action.tolist()
        if action.shape != self._shape or not isfinite(sum(values)):
            raise ExecutorFailed(
                f"executor {self.executor.name} must give {self._shape[0]} finite numbers, got {str(values)[:80]}"
            )
        if max(values) > 1.0 or min(values) < -1.0:
            np.clip(action, -1.0, 1.0, out=action)
        return action

    def _move(self, action: Array) -> None:
        if self.steps >= self.max_steps:
            raise OutOfSteps
        self.steps += 1
        self.world.advance(action)
        if self.solved_at is None and self.world.solved():
            self.solved_at = self.steps
