"""Planner, chooser and verifier as seats, each with a reward of its own that the simulator can check.

pettingzoo: sparring.make("sparring/TabletopTeam-v0", fault=0.3)

planner names a subgoal ─► chooser says which executor carries it out ─► verifier is asked every few steps
      ▲                                                                        │
      └─────────────── accepted, or all attempts are spent ◄───────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sparring import registry
from sparring.content import NOTHING
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.split_rng import Split
from sparring.envs.duel import Duel
from sparring.envs.games.two_player import bare, whole_seed
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.faults import Faults
from sparring.envs.robot.frames import Seen, require_size, seen, seen_space
from sparring.envs.robot.options import require_text, require_whole
from sparring.envs.robot.plan_settings import kinds_of, require_cost
from sparring.envs.robot.planning import DONE, HOW
from sparring.envs.robot.procedure import Settings
from sparring.envs.robot.run import Pursuit, Run, Setup
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.envs.robot.verifiers import NOISE, Check
from sparring.robotics.readings import described
from sparring.robotics.subgoals import MOST_READ, Wrong, parse_plan
from sparring.robotics.words import Subgoal

PLANNER, CHOOSER, VERIFIER = SEATS = ("planner", "chooser", "verifier")
YES, NO = VERDICTS = ("yes", "no")
PER_VERDICT = 0.1
"""What the verifier gets for a right verdict, and pays for a wrong one."""
Phase = Literal["plan", "choose", "verify"]


@registry.envs.register(
    "sparring/TabletopTeam-v0",
    family="robot",
    seats=3,
    seat_names=("planner", "chooser", "verifier"),
    roles=True,
    skills=("planning", "calibration", "language"),
    version="1",
)
class TabletopTeam(Duel):
    """The planner names subgoals, the chooser picks an executor for each, the verifier says when it is reached.

    simulator, split, task, fault, faults, period, window, agree, budget, retries, lift, repair, caps,
    step_cost, illegal_cost: as of TabletopPlan-v0.
    executors: what the chooser may pick, joined by plus signs. max_subgoals: actions of the planner until truncation.
    noise: of the verifier's sensor, standard deviation in metres. frames: pixels of pictures for the verifier; 0: none.

    Rewards: the planner gets the progress towards the goal at the end, less the costs of its steps. The chooser gets
    1 / max_subgoals for a subgoal that is truly reached when the procedure leaves it, else pays as much.
    The verifier gets 0.1 for every verdict that is true, else pays as much. Any text is a valid action; a verdict that
    cannot be read is a "no" that costs like a wrong one, a choice that cannot be read picks the first executor.
    Raises ExecutorFailed from `step` for an executor's fault.
    """

    metadata: dict[str, object] = {**Duel.metadata, "name": "sparring/TabletopTeam-v0"}

    def __init__(
        self,
        simulator: Simulator = "twin",
        split: Split = "train",
        task: str | None = None,
        executors: str = "scripted+hasty",
        fault: float = 0.0,
        faults: str = "slip+knock+motion",
        period: int = 10,
        window: int = 2,
        agree: int = 2,
        budget: int = 70,
        retries: int = 3,
        max_subgoals: int = 20,
        caps: float = 3.0,
        step_cost: float = 0.01,
        illegal_cost: float = 0.05,
        noise: float = NOISE,
        frames: int = 0,
        *,
        lift: bool = True,
        repair: bool = True,
        render_mode: str | None = None,
    ) -> None:
        require_size(frames)
        require_whole("max_subgoals", max_subgoals)
        require_cost("step_cost", step_cost)
        require_cost("illegal_cost", illegal_cost)
        require_text("executors", executors)
        self.executors = {spec: executor_of(spec) for spec in executors.split("+")}
        settings = Settings(period, window, agree, budget, retries, lift, repair)
        self.setup = Setup(settings, Faults(fault, kinds_of(faults)), next(iter(self.executors.values())), caps, noise)
        self.world = TabletopControl(simulator, split, task)
        self.max_subgoals, self.step_cost, self.illegal_cost, self.frames = (
            max_subgoals,
            step_cost,
            illegal_cost,
            frames,
        )
        self.render_mode = render_mode
        super().__init__(SEATS, AnyText(MOST_READ), AnyText(MOST_READ))
        self.world.reset(seed=0)
        self.observation_spaces[VERIFIER] = seen_space(self.world.cameras, frames)

    def reset(self, seed: int | None = None, options: dict[str, object] | None = None) -> None:
        """The task of a seed; `options` go to the world."""
        if seed is not None:
            self._rng.seed(whole_seed(seed))
        number = self._rng.integer(0, 2**62) if seed is None else whole_seed(seed)
        self._run = Run.begin(self.world, self.setup, number, options)
        self._phase: Phase = "plan"
        self._subgoal: Subgoal | None = None
        self._pursuit: Pursuit | None = None
        self._check: Check | None = None
        self._turns, self._illegal, self._right, self._first = 0, 0, 0, 0
        self._begin(PLANNER)
        self._show(PLANNER)

    def observe(self, agent: str) -> Seen:
        """What a seat sees: the planner the scene, the chooser the subgoal, the verifier a question and readings."""
        if agent == VERIFIER:
            return self._verifiers_view()
        if agent == CHOOSER:
            named = f"Subgoal: {self._subgoal}." if self._subgoal else "No subgoal yet."
            return f"{named}\nWho carries it out? Choose one of: {', '.join(self.executors)}."
        return f"{self._run.told()}\nSubgoals left: {self.max_subgoals - self._turns}. {HOW['subgoal']}"

    def plan(self, seed: int) -> tuple[Subgoal, ...]:
        """The shortest plan of a seed. Never shown to agents."""
        return self.world.task_for(seed).plan

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    def _act(self, seat: str, action: str) -> None:
        """Raises ExecutorFailed."""
        if self._phase == "plan":
            self._plan(action)
        elif self._phase == "choose":
            self._choose(action)
        else:
            self._judge(action)

    # The turns.

    def _plan(self, action: str) -> None:
        self._turns += 1
        self._first = len(self._run.procedure.attempts)
        if action.strip().strip(".!\"'").lower() == DONE:
            self._end(truncated=False)
            return
        steps = parse_plan(action, self.world.things)
        if len(steps) != 1 or isinstance(steps[0], Wrong):
            wrong = [step for step in steps if isinstance(step, Wrong)] or [Wrong(action[:80], "one step, please")]
            self._refuse(wrong)
            return
        self._subgoal, self._phase = steps[0], "choose"
        self._pay(PLANNER, {"steps": -self.step_cost} if self.step_cost else {})
        self._show(CHOOSER)

    def _refuse(self, wrong: list[Wrong]) -> None:
        self._illegal += 1
        self._run.refuse(wrong)
        parts = {"illegal": -self.illegal_cost} if self.illegal_cost else {}
        if self._turns >= self.max_subgoals:
            self._end(truncated=True, parts=parts, illegal=True)
        else:
            self._show(PLANNER, illegal=True)
            self._pay(PLANNER, parts)

    def _choose(self, action: str) -> None:
        assert self._subgoal is not None
        chosen = bare(action).lower() if len(action) <= MOST_READ else ""
        legal = chosen in self.executors
        self._run.procedure.executor = self.executors[chosen] if legal else self.setup.executor
        self.infos[CHOOSER] = {"illegal": not legal}
        self._phase, self._pursuit = "verify", self._run.pursue(self._subgoal)
        self._go_on(None)

    def _judge(self, action: str) -> None:
        assert self._check is not None
        said = bare(action).lower() if len(action) <= MOST_READ else ""
        legal, truth = said in VERDICTS, self._check.truth
        right = legal and (said == YES) == truth
        self._right += right
        self.infos[VERIFIER] = {"hidden": {"truth": truth}}
        self._go_on(said == YES)
        self.infos[VERIFIER] = self.infos[VERIFIER] | {"illegal": not legal}
        self._pay(VERIFIER, {"agreement": PER_VERDICT if right else -PER_VERDICT})

    def _go_on(self, verdict: bool | None) -> None:
        """Move until the next check, or until the subgoal is left."""
        assert self._pursuit is not None
        try:
            self._check = next(self._pursuit) if verdict is None else self._pursuit.send(verdict)
        except StopIteration:
            self._leave()
            return
        self._show(VERIFIER)

    def _leave(self) -> None:
        """The subgoal is left: the chooser is paid, and the planner goes on."""
        run, self._phase = self._run, "plan"
        share = (1.0 if run.pursued[-1].reached else -1.0) / self.max_subgoals
        self._pay(CHOOSER, {"reached": share})
        if self.world.solved():
            self._end(truncated=False)
        elif run.out_of_steps or self._turns >= self.max_subgoals:
            self._end(truncated=True)
        else:
            self._show(PLANNER)

    # What they share.

    def _end(self, *, truncated: bool, parts: Mapping[str, float] = NOTHING, illegal: bool = False) -> None:
        """`parts`: what else the planner gets in this step."""
        run = self._run
        self._show(PLANNER, illegal=illegal)
        self._pay(PLANNER, {"goal": run.progress(), **parts})
        counted = {"turns": float(self._turns), "illegal_actions": float(self._illegal)}
        self.infos[PLANNER]["metrics"] = run.metrics() | counted
        checks = run.procedure.checks
        self.infos[VERIFIER] = self.infos[VERIFIER] | {
            "metrics": {"verdicts": float(checks), "right_verdicts": self._right / max(1, checks)}
        }
        self._finish(PLANNER, truncated=truncated)

    def _verifiers_view(self) -> Seen:
        check = self._check
        if check is None:
            text = "No subgoal is being carried out."
        else:
            text = f"{described(check.readings, check.subgoal)}\n{check.question} Answer yes or no."
        return seen(text, dict(self._run.procedure.frames(self.frames)) if self.frames else None)

    def _show(self, seat: str, *, illegal: bool = False) -> None:
        """Fresh info for the seat that is to move."""
        run = self._run
        info: Info = {"illegal": illegal, "task": run.world.instruction, "steps_left": run.steps_left}
        if seat == PLANNER:
            attempts = run.procedure.told(self._first)
            info |= {
                "facts": [str(clause) for clause in run.world.facts()],
                "legal_actions": [*run.subgoals, DONE],
                "simulator": run.world.simulator,
                "hidden": {"attempts": attempts, "clauses": run.clauses(), "control_steps": run.procedure.steps},
            }
        elif seat == CHOOSER:
            info |= {"subgoal": str(self._subgoal), "legal_actions": list(self.executors)}
        else:
            assert self._check is not None
            readings = [round(float(value), 6) for value in self._check.readings]
            info |= {"subgoal": str(self._subgoal), "verb": self._check.subgoal.verb, "readings": readings}
            info |= {"question": self._check.question, "legal_actions": list(VERDICTS)}
            info |= {"hidden": {"truth": self._check.truth}}
        self.infos[seat] = info
        self.agent_selection = seat

    def _pay(self, seat: str, parts: Mapping[str, float]) -> None:
        """All that a seat gets in this step."""
        self.rewards[seat] = sum(parts.values())
        self.infos[seat] = self.infos[seat] | {"reward_parts": dict(parts)}
