"""One episode of the procedure, as the environments over it share it: subgoals in; outcomes, words and metrics out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from sparring.envs.robot.control import ControlEnv
from sparring.envs.robot.faults import Faults
from sparring.envs.robot.metrics import Pursued, metrics_of
from sparring.envs.robot.options import require_number
from sparring.envs.robot.procedure import OutOfSteps, Procedure, Settings
from sparring.envs.robot.skills import reached
from sparring.envs.robot.telling import outcome, scene
from sparring.envs.robot.types import Executor
from sparring.envs.robot.verifiers import NOISE, Check
from sparring.robotics.subgoals import Wrong, subgoals_of
from sparring.robotics.words import Subgoal
from sparring.types import derive_seed

SHOWN = 8
"""Outcomes that an observation shows."""
Pursuit = Generator[Check, bool, None]


@dataclass(frozen=True, slots=True)
class Setup:
    """What an episode is played with."""

    settings: Settings
    faults: Faults
    executor: Executor
    caps: float = 3.0
    """Control steps of an episode, in units of the world's own cap."""
    noise: float = NOISE
    """Of the sensor, metres."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        require_number("caps", self.caps, "be > 0 and < 1e6", 1e-6, 1e6)
        require_number("noise", self.noise, "lie between 0 and 1 metre", 0.0, 1.0)


@dataclass(slots=True)
class Run:
    """An episode under way."""

    world: ControlEnv
    setup: Setup
    procedure: Procedure
    held: int
    """Clauses of the goal that held at the start."""
    subgoals: Sequence[str]
    """Every subgoal that makes sense of what there is."""
    pursued: list[Pursued] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    out_of_steps: bool = False

    @classmethod
    def begin(cls, world: ControlEnv, setup: Setup, seed: int, options: dict[str, object] | None = None) -> Run:
        """Reset the world to the task of a seed."""
        world.reset(seed=seed, options=options)
        limit = max(1, round(setup.caps * world.cap))
        drawn = derive_seed("procedure", seed)
        procedure = Procedure(world, setup.executor, setup.settings, setup.faults, drawn, limit, setup.noise)
        subgoals = tuple(map(str, subgoals_of(world.things)))
        return cls(world, setup, procedure, sum(map(world.evaluate, world.goal)), subgoals)

    @property
    def steps_left(self) -> int:
        """Control steps."""
        return self.procedure.max_steps - self.procedure.steps

    def pursue(self, subgoal: Subgoal) -> Pursuit:
        """Carry out a subgoal; how it went stands in `pursued` and `outcomes`. Raises ExecutorFailed."""
        procedure, first, accepted = self.procedure, len(self.procedure.attempts), False
        try:
            accepted = yield from procedure.pursue(subgoal)
        except OutOfSteps:
            self.out_of_steps = True
        attempts = procedure.attempts[first:]
        self.pursued.append(Pursued(accepted, reached(self.world, subgoal), attempts))
        self.outcomes.append(outcome(str(subgoal), accepted, attempts))

    def refuse(self, wrong: Sequence[Wrong]) -> None:
        """Lines that are no subgoals, and why."""
        self.outcomes.extend(f"not understood: {one.line!r}: {one.why}" for one in wrong)

    def told(self) -> str:
        """Task, scene, and how the last subgoals went."""
        lines = [f"Task: {self.world.instruction}.", scene(self.world.things, self.world.facts())]
        if self.outcomes:
            lines += ["So far:", *(f"- {line}" for line in self.outcomes[-SHOWN:])]
        return "\n".join(lines)

    def progress(self) -> float:
        """Clauses of the goal that hold now, less those that held at the start, as a share of those that did not.

        1 when the goal holds, 0 for doing nothing; below 0 where something was undone.
        """
        goal = self.world.goal
        return (sum(map(self.world.evaluate, goal)) - self.held) / max(1, len(goal) - self.held)

    def clauses(self) -> dict[str, bool]:
        """The truth of the goal's clauses."""
        return {str(clause): self.world.evaluate(clause) for clause in self.world.goal}

    def metrics(self) -> dict[str, float]:
        """Of the whole episode so far."""
        procedure = self.procedure
        at_cap = procedure.solved_at is not None and procedure.solved_at <= self.world.cap
        measured = {
            "success": float(self.world.solved()),
            "success_at_cap": float(at_cap),
            "steps": float(procedure.steps),
        }
        return measured | metrics_of(self.pursued, self.setup.settings.period)
