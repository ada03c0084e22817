"""What the robot family is made of, in the order in which a subgoal meets it.

    Subgoal ─► Executor ─► action ─► World ─► Clause: true or false

A world is a simulator of continuous actions. It says what is in it (`things`), what holds (`facts`, `evaluate`), what
it looks like (`frame`) and where things are (`position`). An executor turns a subgoal into actions; what it may look at
is its own affair: scripted ones read the world's state, cloned ones a few numbers, others a frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sparring.robotics.words import Clause, Subgoal, Thing

Array = npt.NDArray[np.float32]
Point = npt.NDArray[np.float64]
"""[3]: x, y, z, metres."""
Frame = npt.NDArray[np.uint8]
"""[height, width, 3], the top row first."""


class World(Protocol):
    """A simulator with a task in it, as executors, verifiers and faults know it; `control.ControlEnv` is the base.

    `reset(seed=..., options=...)` comes first; what a task decides is not there before it.
    """

    @property
    def instruction(self) -> str:
        """The task as a person says it: "put the red cube in the bin and close the drawer"."""
        ...

    @property
    def goal(self) -> tuple[Clause, ...]:
        """The task is solved when all of these hold."""
        ...

    @property
    def things(self) -> Mapping[str, Thing]:
        """What can be named in a subgoal, by name."""
        ...

    @property
    def cap(self) -> int:
        """Control steps of the benchmark's own protocol for this task."""
        ...

    @property
    def cameras(self) -> Sequence[str]:
        """Names for `frame`; the first is the overview."""
        ...

    @property
    def simulator(self) -> str:
        """Name and version of what moves the bodies, such as "mujoco 3.3.0": replays hold within one version."""
        ...

    @property
    def state(self) -> Array:
        """[n]: what `step` returns as the observation."""
        ...

    def advance(self, action: Array) -> None:
        """One control step; nothing is counted, and nothing ends."""
        ...

    def solved(self) -> bool:
        """Whether all clauses of the goal hold."""
        ...

    def rest(self, grip: float) -> Array:
        """The action that moves nothing: x, y, z come first, the grip last (-1 keeps the fingers open, 1 closed)."""
        ...

    def evaluate(self, clause: Clause) -> bool:
        """Whether a clause holds now. Raises ValueError for a predicate or a thing that there is not.

        Every world knows `holding(thing)`, `in` and `on(thing, where)`, `open`, `closed`, `turned on` and
        `turned off(thing)`, for the things that they make sense of.
        """
        ...

    def facts(self) -> tuple[Clause, ...]:
        """Everything that holds now and that a person would say of the scene, in a fixed order."""
        ...

    def position(self, thing: str) -> Point:
        """Where a thing is: its middle, or where it is taken hold of. Raises ValueError for an unknown thing."""
        ...

    @property
    def hand(self) -> Point:
        """Where the point between the fingers is."""
        ...

    @property
    def opening(self) -> float:
        """Of the fingers: 0 closed, 1 open."""
        ...

    def knock(self, thing: str, shift: Sequence[float]) -> None:
        """Move a thing by [2] metres on its support, as if something had hit it; a held thing is lost first."""
        ...

    def frame(self, camera: str, size: int = 128) -> Frame:
        """A picture [size, size, 3]. Raises RenderingUnavailable where the machine cannot draw."""
        ...


class Executor(Protocol):
    """What carries out a subgoal. One object serves one episode at a time; `begin` starts a subgoal anew."""

    name: str

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new attempt (0 is the first); a good executor tries another way at every attempt."""
        ...

    def act(self, world: World) -> Array:
        """The next action; when it has nothing left to do, `world.rest` of the grip that fits."""
        ...


class RenderingUnavailable(RuntimeError):
    """The machine cannot draw: what is missing, and what to install."""


class ExecutorFailed(RuntimeError):
    """An executor gave no action, or none that the world takes: which one, and what it gave."""
