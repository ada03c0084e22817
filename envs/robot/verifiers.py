"""Verifiers: is the subgoal reached? What they may look at, and how they judge.

    oracle                       the world's own predicates
    noisy+fp=0.1+fn=0.1          the oracle, wrong with these rates at every check
    rule                         thresholds on noisy sensor readings, untrained
    trained:FILE                 a calibrated head on the same readings (`sparring robot verifier`)

A false positive at one check ends the subgoal. So rates a check compound: P(false advance) = 1 - (1 - fp)^checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sparring.envs.robot.options import require_number
from sparring.envs.robot.types import Frame, Point, World
from sparring.kinds import shown
from sparring.robotics.readings import Readings, judged
from sparring.robotics.skills import question_of
from sparring.robotics.words import Subgoal
from sparring.specs import parse_spec, typed_options
from sparring.types import derive_seed

NOISE = 0.03
"""Standard deviation of a position that is sensed, metres."""
SIGNAL_NOISE = 0.3


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a running attempt."""

    subgoal: Subgoal
    number: int
    """Of the check in the episode."""
    step: int
    """Of the attempt."""
    truth: bool
    """Whether the subgoal is reached; only the oracle may look."""
    sense: Callable[[], Readings]
    """Reads the sensor, once; see `readings`."""
    frames: Callable[[int], Mapping[str, Frame]]
    """Pictures of a size, by camera, as the robot sees them."""

    @property
    def readings(self) -> Readings:
        """[12]: of `READINGS`, with the sensor's noise. A verifier that never asks costs no reading."""
        return self.sense()

    @property
    def question(self) -> str:
        """In words."""
        return question_of(self.subgoal)


class Verifier(Protocol):
    """What answers checks."""

    name: str

    def begin(self, seed: int) -> None:
        """A new episode."""
        ...

    def verdict(self, check: Check) -> bool:
        """Whether the subgoal is reached."""
        ...


class Oracle:
    """Always right."""

    name = "oracle"

    def begin(self, seed: int) -> None:
        """Nothing is kept."""

    def verdict(self, check: Check) -> bool:
        """The truth."""
        return check.truth


class Noisy:
    """The oracle with independent errors at every check."""

    def __init__(self, fp: float = 0.1, fn: float = 0.1) -> None:
        """`fp`: rate of yes where the truth is no; `fn`: of no where it is yes."""
        for name, rate in (("fp", fp), ("fn", fn)):
            require_number(name, rate, "lie between 0 and 1", 0.0, 1.0)
        self.name, self.fp, self.fn = f"noisy+fp={fp:g}+fn={fn:g}", fp, fn
        self._seed = 0

    def begin(self, seed: int) -> None:
        """Errors follow from the seed."""
        self._seed = seed

    def verdict(self, check: Check) -> bool:
        """The truth, or now and then not."""
        drawn = np.random.default_rng(derive_seed("verdict", self._seed, check.number)).random()
        return drawn >= self.fn if check.truth else drawn < self.fp


class Rule:
    """Thresholds on the readings as one would write them down without having seen any: the untrained verifier."""

    name = "rule"

    def begin(self, seed: int) -> None:
        """Nothing is kept."""

    def verdict(self, check: Check) -> bool:
        """By the verb."""
        return judged(check.subgoal.verb, check.readings)


class Trained:
    """A calibrated head on the readings, one for each verb."""

    def __init__(self, path: str) -> None:
        """Raises ValueError for a file that is no verifier."""
        from sparring.robotics.heads import read_heads

        self.name, self.heads = f"trained:{path}", read_heads(path)
        self.advises = self.heads.agree, self.heads.window

    def begin(self, seed: int) -> None:
        """Nothing is kept."""

    def verdict(self, check: Check) -> bool:
        """Whether the probability reaches the head's threshold."""
        return self.heads.says(check.subgoal.verb, check.readings)


def verifier_of(spec: str | Verifier) -> Verifier:
    """The verifier of a spec; its options follow after plus signs, or colons where these mean nothing else.

    Raises ValueError naming what there is.
    """
    if not isinstance(spec, str):
        if not (callable(getattr(spec, "begin", None)) and callable(getattr(spec, "verdict", None))):
            raise ValueError(f"a verifier must have begin(seed) and verdict(check), got {shown(spec)}")
        return spec
    parsed = parse_spec(spec.replace("+", ":") if spec.startswith("noisy") else spec)
    if parsed.name == "noisy":
        options = typed_options("the verifier noisy", Noisy, parsed.options)
        return Noisy(**options)  # type: ignore[arg-type]  # typed_options has read them as numbers
    if parsed.name == "trained" and parsed.argument:
        return Trained(spec.partition(":")[2])
    if spec in ("oracle", "rule"):
        return Oracle() if spec == "oracle" else Rule()
    raise ValueError(f"the verifier must be oracle, noisy+fp=0.1+fn=0.1, rule, trained:FILE or none, got {spec!r}")


class Sensor:
    """Reads a world with noise; equal seeds give equal noise."""

    def __init__(self, seed: int, noise: float) -> None:
        self._seed, self._noise = seed, noise
        self._start: Point = np.zeros(3)

    def begin(self, world: World, subgoal: Subgoal) -> None:
        """A new attempt: where the thing is now."""
        self._start = world.position(subgoal.thing)

    def read(self, world: World, subgoal: Subgoal, number: int, device: bool) -> Readings:
        """[12], for the check of this number; `device`: the true state that a lamp's signal shows."""
        noise = np.random.default_rng(derive_seed("sensor", self._seed, number)).normal(size=7)
        hand = world.hand
        thing = world.position(subgoal.thing) + self._noise * noise[:3]
        to_place = np.zeros(3)
        if subgoal.where is not None:
            to_place = world.position(subgoal.where) + self._noise * noise[3:6] - thing
        signal = float(device) + SIGNAL_NOISE * noise[6] if subgoal.verb in ("turn on", "turn off") else 0.0
        return np.array([world.opening, hand[2], *(thing - hand), *to_place, *(thing - self._start), signal])
