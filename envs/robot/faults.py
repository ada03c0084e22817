"""Injected faults: what goes wrong during an attempt, whatever the controller does.

    slip       the fingers open for a moment
    knock      something hits the thing that the subgoal names
    motion     the hand drifts in one direction for a while
    stuck      the fingers keep their last command for a while
    delay      actions arrive three steps late for a while
    dropout    the cameras show black during the attempt
    grounding  the executor goes for another thing

Which fault an attempt meets, when and how hard, follows from (seed, subgoal's number, attempt) alone. So all
controllers are exposed alike and can be compared in pairs by seed. Faults set in early, before an attempt can succeed:
drawn from a longer range, controllers that stop early would meet fewer of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from sparring.envs.robot.options import require_number
from sparring.envs.robot.types import Array, Frame, World
from sparring.robotics.words import Subgoal
from sparring.types import derive_seed

Kind = Literal["slip", "knock", "motion", "stuck", "delay", "dropout", "grounding"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EARLIEST, LATEST = 3, 19
"""Control steps after the start of an attempt between which a fault sets in, both included."""
LASTS: Mapping[Kind, int] = {
    "slip": 6,
    "knock": 1,
    "motion": 8,
    "stuck": 25,
    "delay": 25,
    "dropout": 10**9,
    "grounding": 10**9,
}
"""Control steps."""
DELAY = 3
KNOCKED = (0.04, 0.09)
"""Metres."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one attempt."""

    kind: Kind
    step: int
    """Of the attempt, at which it sets in."""
    direction: float
    """Radians; of a knock or a drift."""
    strength: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong."""

    probability: float = 0.0
    """That an attempt meets a fault."""
    kinds: tuple[Kind, ...] = ("slip", "knock", "motion")

    def __post_init__(self) -> None:
        """Raises ValueError."""
        require_number("the probability of a fault", self.probability, "lie between 0 and 1", 0.0, 1.0)
        unknown = [str(kind) for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise ValueError(f"faults must be some of {', '.join(KINDS)}, got {', '.join(unknown) or 'none'}")

    def drawn(self, *key: object) -> Fault | None:
        """The fault of the attempt with this key, or none."""
        if not self.probability:
            return None
        rng = np.random.default_rng(derive_seed("fault", *key))
        hit, which, step, direction, strength = rng.random(5)
        if hit >= self.probability:
            return None
        at = EARLIEST + int(step * (LATEST - EARLIEST + 1))
        return Fault(self.kinds[int(which * len(self.kinds))], at, float(direction * 2 * np.pi), float(strength))


class Disturbance:
    """A fault at work in one attempt."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        self._past: deque[Array] = deque(maxlen=DELAY + 1)

    def started(self, step: int) -> bool:
        """Whether it has set in by this step of the attempt."""
        return self.fault is not None and step >= self.fault.step

    def active(self, step: int, *kinds: Kind) -> bool:
        """Whether it is of these kinds and at work in this step."""
        fault = self.fault
        return fault is not None and fault.kind in kinds and fault.step <= step < fault.step + LASTS[fault.kind]

    def grounded(self, subgoal: Subgoal, world: World) -> Subgoal:
        """The subgoal that the executor is given: with wrong grounding another thing's."""
        if self.fault is None or self.fault.kind != "grounding":
            return subgoal
        others = [
            name for name, thing in world.things.items() if subgoal.thing != name and _alike(subgoal, world, name)
        ]
        if not others or subgoal.where in others:
            others = [name for name in others if name != subgoal.where]
        if not others:
            return subgoal
        return Subgoal(
            subgoal.verb, others[int(self.fault.strength * len(others)) % len(others)], subgoal.relation, subgoal.where
        )

    def disturb(self, world: World, subgoal: Subgoal, step: int) -> None:
        """What happens to the world before an action."""
        if self.fault is not None and self.active(step, "knock"):
            far = KNOCKED[0] + self.fault.strength * (KNOCKED[1] - KNOCKED[0])
            world.knock(subgoal.thing, _along(self.fault.direction, far))

    def alter(self, action: Array, step: int) -> Array:
        """The action that arrives."""
        if self.fault is None:
            return action
        self._past.append(action)
        altered = self._past[0] if self.active(step, "delay") else action
        if self.active(step, "slip", "stuck", "motion"):
            altered = altered.copy()
        if self.active(step, "slip"):
            altered[-1] = -1.0
        if self.active(step, "stuck") and len(self._past) > 1:
            altered[-1] = self._past[-2][-1]
            self._past[-1] = altered
        if self.active(step, "motion"):
            altered[:2] = _along(self.fault.direction, 1.0)
        return altered

    def seen(self, frame: Frame) -> Frame:
        """What the cameras show."""
        return np.zeros_like(frame) if self.fault is not None and self.fault.kind == "dropout" else frame


def _along(direction: float, length: float) -> Sequence[float]:
    return float(np.cos(direction)) * length, float(np.sin(direction)) * length


def _alike(subgoal: Subgoal, world: World, name: str) -> bool:
    verb = "pick up" if subgoal.verb == "place" else subgoal.verb
    return verb in world.things[name].verbs
