"""Planning: a control world turned into text. An action is a subgoal, or a whole plan; the procedure carries it out.

gymnasium.make("sparring.envs:sparring/TabletopPlan-v0", fault=0.3, verifier="noisy:fp=0.1:fn=0.1")

task, scene ─► "pick up red cube" ─► act, check, recover ─► scene, what was reached ─► ... ─► the goal holds
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import gymnasium
from gymnasium.spaces import Text

from sparring import registry
from sparring.envs.any_text import AnyText
from sparring.envs.code.split_rng import Split
from sparring.envs.robot.control import SEEDS, ControlEnv
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.faults import Faults, Kind
from sparring.envs.robot.procedure import Settings
from sparring.envs.robot.run import Run, Setup
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.envs.robot.verifiers import Verifier, verifier_of
from sparring.robotics.subgoals import FORMS, MOST_READ, Wrong, parse_plan
from sparring.robotics.words import Subgoal
from sparring.types import derive_seed

Asked = Literal["subgoal", "plan"]
ASKED: tuple[Asked, ...] = get_args(Asked)
DONE = "done"
NO_VERIFIER = "none"
SLOT = 45
"""Control steps of a subgoal that nobody verifies."""
MOST_OBSERVED = 100_000
"""Characters."""
HOW = {
    "subgoal": f"Name the next step, or say {DONE}. Steps are: {FORMS}.",
    "plan": f"Write a plan, one step a line, or say {DONE}. Steps are: {FORMS}.",
}
Info = dict[str, object]


class PlanEnv(gymnasium.Env[str, str]):
    """Plan in a control world. Subclasses say which, and hand on the rest.

    ask: "subgoal": an action is one step; "plan": it is a plan, which is carried out until a step is not reached.
    verifier: "oracle", "noisy:fp=0.1:fn=0.1", "rule", "trained:FILE", or "none" (every step gets 45 control steps).
    executor: "scripted", "hasty", "cloned:FILE", "remote:URL".
    fault, faults: the probability that an attempt meets a fault, and of which kinds: "slip+knock+motion".
    period, window, agree, budget, retries, lift, repair: the procedure (`procedure.Settings`); window and agree: None
        for 2 of 2, or for what a trained verifier was chosen with.
    replan: whether a plan is given up when a step is not reached; if not, the next step is tried.
    max_turns: actions until truncation. caps: control steps, in units of the world's own cap.
    step_cost: what a step of a plan costs. illegal_cost: what an action costs that cannot be read.

    The reward is the progress towards the goal (1 when it holds, a share of the clauses that did not hold at the start,
    0 for doing nothing), less the costs. The episode ends when the goal holds after a step, or with "done". Any text is
    a valid action; one that cannot be read moves nothing.
    Raises ExecutorFailed from `step` for an executor's fault, which ends the episode as a fault of the environment.
    """

    def __init__(
        self,
        world: ControlEnv,
        ask: Asked,
        verifier: str,
        setup: Setup,
        *,
        replan: bool,
        max_turns: int,
        step_cost: float,
        illegal_cost: float,
        render_mode: str | None,
    ) -> None:
        if ask not in ASKED:
            raise ValueError(f"ask must be one of {', '.join(map(repr, ASKED))}, got {ask!r}")
        if type(max_turns) is not int or max_turns < 1:
            raise ValueError(f"max_turns must be a whole number >= 1, got {max_turns!r}")
        if min(step_cost, illegal_cost) < 0:
            raise ValueError(f"step_cost and illegal_cost must be >= 0, got {step_cost!r} and {illegal_cost!r}")
        self.world, self.ask, self.setup, self.replan, self.max_turns = world, ask, setup, replan, max_turns
        self.step_cost, self.illegal_cost, self.render_mode = step_cost, illegal_cost, render_mode
        self.verifier: Verifier | None = None if verifier == NO_VERIFIER else verifier_of(verifier)
        self.observation_space: Text = AnyText(MOST_OBSERVED)
        self.action_space: Text = AnyText(MOST_READ)
        self._run: Run | None = None
        self._over, self._terminated, self._turns, self._illegal = True, True, 0, 0

    # The Gymnasium interface.

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """The task of a seed; `options` go to the world."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._run = Run.begin(self.world, self.setup, number, options)
        if self.verifier is not None:
            self.verifier.begin(derive_seed("verifier", number))
        self._over, self._terminated, self._turns, self._illegal = False, False, 0, 0
        return self._seen(), self._info(0)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
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
        self._over = self._terminated or run.out_of_steps or self._turns >= self.max_turns
        parts = self._parts(len(run.pursued) - tried, illegal)
        info = self._info(first) | {"illegal": illegal} | ({"reward_parts": parts} if parts else {})
        if self._over:
            info["metrics"] = run.metrics() | {"turns": float(self._turns), "illegal_actions": float(self._illegal)}
        return self._seen(), sum(parts.values()), self._terminated, self._over and not self._terminated, info

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen() if self.render_mode == "ansi" and self._run else None

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    # What follows an action.

    def _carry_out(self, action: str) -> bool:
        """Whether the action could be read; then its steps were tried."""
        run = self._begun()
        steps = parse_plan(action, run.world.things)
        if self.ask == "subgoal" and len(steps) > 1:
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
            if run.out_of_steps or run.world.solved() or (self.replan and not run.pursued[-1].accepted):
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
        if tried and self.step_cost:
            parts["steps"] = -self.step_cost * tried
        if illegal and self.illegal_cost:
            parts["illegal"] = -self.illegal_cost
        return parts

    def _begun(self) -> Run:
        if self._run is None:
            raise RuntimeError("step was called before reset")
        return self._run

    def _seen(self) -> str:
        run = self._begun()
        if self._over:
            return f"{run.told()}\nThe goal {'holds' if run.world.solved() else 'does not hold'}."
        return f"{run.told()}\nTurns left: {self.max_turns - self._turns}. {HOW[self.ask]}"

    def _info(self, first: int) -> Info:
        """`first`: of the attempts that are new."""
        run = self._begun()
        attempts = run.procedure.told()[first:]
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
            info["legal_actions" if self.ask == "subgoal" else "suggested_actions"] = actions
        return info


def votes_of(verifier: str, agree: int | None, window: int | None) -> tuple[int, int]:
    """agree, window: as they are given, else as a trained verifier was chosen with, else 2 of 2."""
    advised = getattr(verifier_of(verifier), "advises", (2, 2)) if verifier != NO_VERIFIER else (2, 2)
    return (advised[0] if agree is None else agree), (advised[1] if window is None else window)


def kinds_of(faults: str) -> tuple[Kind, ...]:
    """The kinds in "slip+knock"; `Faults` checks them."""
    return cast(tuple[Kind, ...], tuple(faults.split("+")))


@registry.envs.register(
    "sparring/TabletopPlan-v0",
    family="robot",
    skills=("planning", "language"),
    version="1",
)
class TabletopPlan(PlanEnv):
    """Plan what a gripper does on a table, while faults happen and a verifier watches.

    simulator, split, task: as of TabletopControl-v0. Everything else: as of `PlanEnv`.
    """

    metadata: dict[str, object] = {"name": "sparring/TabletopPlan-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        simulator: Simulator = "twin",
        split: Split = "train",
        task: str | None = None,
        ask: Asked = "subgoal",
        verifier: str = "oracle",
        executor: str = "scripted",
        fault: float = 0.0,
        faults: str = "slip+knock+motion",
        period: int = 10,
        window: int | None = None,
        agree: int | None = None,
        budget: int = 70,
        retries: int = 3,
        max_turns: int = 20,
        caps: float = 3.0,
        step_cost: float = 0.01,
        illegal_cost: float = 0.05,
        *,
        lift: bool = True,
        repair: bool = True,
        replan: bool = True,
        render_mode: str | None = None,
    ) -> None:
        slot = SLOT if verifier == NO_VERIFIER else None
        agree, window = votes_of(verifier, agree, window)
        settings = Settings(period, window, agree, budget, retries, lift, repair, slot)
        setup = Setup(settings, Faults(fault, kinds_of(faults)), executor_of(executor), caps)
        self.tabletop = TabletopControl(simulator, split, task)
        super().__init__(
            self.tabletop,
            ask,
            verifier,
            setup,
            replan=replan,
            max_turns=max_turns,
            step_cost=step_cost,
            illegal_cost=illegal_cost,
            render_mode=render_mode,
        )

    def walkthrough(self, seed: int) -> list[str]:
        """The shortest plan of a seed, as actions. Never shown to agents."""
        steps = [str(subgoal) for subgoal in self.plan(seed)]
        return ["\n".join(steps)] if self.ask == "plan" else steps

    def plan(self, seed: int) -> tuple[Subgoal, ...]:
        """The shortest plan of a seed. Never shown to agents."""
        return self.tabletop.task_for(seed).plan
