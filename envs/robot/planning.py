"""Planning: a control world turned into text. An action is a subgoal, or a whole plan; the procedure carries it out.

task, scene ─► "pick up red cube" ─► act, check, recover ─► scene, what was reached ─► ... ─► the goal holds
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import gymnasium
from gymnasium.spaces import Text

from sparring.envs.any_text import AnyText
from sparring.envs.robot.control import SEEDS, ControlEnv
from sparring.envs.robot.frames import Seen, seen, seen_space
from sparring.envs.robot.plan_settings import NO_VERIFIER, PlanOptions, PlanSettings
from sparring.envs.robot.run import Run
from sparring.envs.robot.verifiers import Verifier, verifier_of
from sparring.robotics.subgoals import FORMS, MOST_READ, Wrong, parse_plan
from sparring.robotics.words import Subgoal
from sparring.types import derive_seed

DONE = "done"
HOW = {
    "subgoal": f"Name the next step, or say {DONE}. Steps are: {FORMS}.",
    "plan": f"Write a plan, one step a line, or say {DONE}. Steps are: {FORMS}.",
}
Info = dict[str, object]


class PlanEnv(gymnasium.Env[Seen, str]):
    """Plan in a control world; subclasses say in which. The options are the fields of `PlanSettings`.

    The reward is the progress towards the goal (1 when it holds, a share of the clauses that did not hold at the start,
    0 for doing nothing), less the costs. The episode ends when the goal holds after a step, or with "done". Any text is
    a valid action; one that cannot be read moves nothing.
    Raises ExecutorFailed from `step` for an executor's fault, which ends the episode as a fault of the environment.
    """

    def __init__(self, world: ControlEnv, **options: Unpack[PlanOptions]) -> None:
        self.world, self.settings = world, PlanSettings(**options)
        spec = self.settings.verifier
        self.verifier: Verifier | None = None if spec == NO_VERIFIER else verifier_of(spec)
        self.setup = self.settings.setup(self.verifier)
        self.render_mode = self.settings.render_mode
        self.observation_space = seen_space(world.cameras, self.settings.frames)
        self.action_space: Text = AnyText(MOST_READ)
        self._run: Run | None = None
        self._over, self._terminated, self._turns, self._illegal = True, True, 0, 0

    # The Gymnasium interface.

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Seen, Info]:
        """The task of a seed; `options` go to the world."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._run = Run.begin(self.world, self.setup, number, options)
        if self.verifier is not None:
            self.verifier.begin(derive_seed("verifier", number))
        self._over, self._terminated, self._turns, self._illegal = False, False, 0, 0
        return self._seen(), self._info(0)

    def step(self, action: str) -> tuple[Seen, float, bool, bool, Info]:
        """Carry out a step or a plan. After the end nothing happens any more."""
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        run = self._begun()
        if self._over:
            return self._seen(), 0.0, self._terminated, not self._terminated, self._info(len(run.procedure.attempts))
        first, tried = len(run.procedure.attempts), len(run.pursued)
        self._turns += 1
        done = action.strip().strip(".!\"'").lower() == DONE
        illegal = False if done else not self._carry_out(action)
        self._terminated = done or run.world.solved()
        self._over = self._terminated or run.out_of_steps or self._turns >= self.settings.max_turns
        parts = self._parts(len(run.pursued) - tried, illegal)
        info = self._info(first) | {"illegal": illegal} | ({"reward_parts": parts} if parts else {})
        if self._over:
            info["metrics"] = run.metrics() | {"turns": float(self._turns), "illegal_actions": float(self._illegal)}
        return self._seen(), sum(parts.values()), self._terminated, self._over and not self._terminated, info

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._told() if self.render_mode == "ansi" and self._run else None

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    # What follows an action.

    def _carry_out(self, action: str) -> bool:
        """Whether the action could be read; then its steps were tried."""
        run = self._begun()
        steps = parse_plan(action, run.world.things)
        if self.settings.ask == "subgoal" and len(steps) > 1:
            steps = [Wrong(action.strip()[:80], "one step at a time")]
        wrong = [step for step in steps if isinstance(step, Wrong)] or ([] if steps else [Wrong("", "it is empty")])
        if wrong:
            self._illegal += 1
            run.refuse(wrong)
            return False
        self._pursue([step for step in steps if isinstance(step, Subgoal)])
        return True

    def _pursue(self, subgoals: Sequence[Subgoal]) -> None:
        run = self._begun()
        for subgoal in subgoals:
            self._pursue_one(run, subgoal)
            if run.out_of_steps or run.world.solved() or (self.settings.replan and not run.pursued[-1].accepted):
                return

    def _pursue_one(self, run: Run, subgoal: Subgoal) -> None:
        asking = run.pursue(subgoal)
        try:
            check = next(asking)
            while True:
                assert self.verifier is not None
                check = asking.send(self.verifier.verdict(check))
        except StopIteration:
            return

    def _parts(self, tried: int, illegal: bool) -> dict[str, float]:
        parts = {"goal": self._begun().progress()} if self._over else {}
        if tried and self.settings.step_cost:
            parts["steps"] = -self.settings.step_cost * tried
        if illegal and self.settings.illegal_cost:
            parts["illegal"] = -self.settings.illegal_cost
        return parts

    def _begun(self) -> Run:
        if self._run is None:
            raise RuntimeError("step was called before reset")
        return self._run

    def _seen(self) -> Seen:
        size = self.settings.frames
        return seen(self._told(), self._begun().procedure.frames(size) if size else None)

    def _told(self) -> str:
        run = self._begun()
        if self._over:
            return f"{run.told()}\nThe goal {'holds' if run.world.solved() else 'does not hold'}."
        return f"{run.told()}\nTurns left: {self.settings.max_turns - self._turns}. {HOW[self.settings.ask]}"

    def _info(self, first: int) -> Info:
        """`first`: of the attempts that are new."""
        run = self._begun()
        attempts = run.procedure.told(first)
        info: Info = {
            "illegal": False,
            "task": getattr(getattr(run.world, "task", None), "family", run.world.instruction),
            "instruction": run.world.instruction,
            "facts": [str(clause) for clause in run.world.facts()],
            "steps_left": run.steps_left,
            "simulator": run.world.simulator,
            "hidden": {"attempts": attempts, "clauses": run.clauses(), "control_steps": run.procedure.steps},
        }
        if not self._over:
            actions = [*run.subgoals, DONE]
            info["legal_actions" if self.settings.ask == "subgoal" else "suggested_actions"] = actions
        return info
