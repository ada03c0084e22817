"""Planners and verifiers of the robot family.

sparring play TabletopPlan --agents planner:smollm2:decoding=legal:history=1
sparring play TabletopTeam --agents planner:scripted,random,verifier:rule
sparring train grpo --envs TabletopTeam --opponents teammate
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Unpack

import numpy as np

from sparring import registry
from sparring.agents.retrieval.talkers import talker
from sparring.agents.scripted import ConstantAgent, ScriptedAgent
from sparring.agents.talking.agent import TalkingAgent, TalkingOptions
from sparring.protocols import Agent, Player, Seat
from sparring.robotics.heads import Heads, read_heads
from sparring.robotics.readings import READINGS, judged
from sparring.robotics.skills import postcondition
from sparring.robotics.words import VERBS, Subgoal
from sparring.types import Observation, Reply

SCRIPTED = "scripted"
DONE = "done"
PLANNER = (
    "You plan for a robot arm. Break the task into the fewest steps, each in one of these forms and no other:\n"
    "pick up X\nplace X in Y\nplace X on Y\nopen X\nclose X\nturn on X\nturn off X\n"
    "Use the names of the things that are listed. Never name moving, reaching, grasping or releasing: the arm does "
    "that by itself. A thing is picked up before it is placed. What was reached stays reached: name only what is "
    "still to be done, and say done when nothing is.\n"
    "Example: for the task 'put the mug in the cabinet and close it' the plan is: open cabinet; pick up mug; place mug "
    "in cabinet; close cabinet."
)
VERIFIER = (
    "You watch a robot arm and judge from its sensors whether a step is reached. Readings are noisy by some "
    "centimetres. A thing is grasped and lifted when it is within 2 cm of the gripper and the gripper is more than "
    "8 cm above the table. A thing is placed when it is within a few centimetres of its place and the gripper is open. "
    "Answer with one word, yes or no."
)


@registry.agents.register("planner", family="robot")
def planner(argument: str = SCRIPTED, **options: Unpack[TalkingOptions]) -> Agent:
    """Plans for a robot arm: `planner:MODEL` asks a language model, `planner:scripted` knows the task's own plan."""
    if argument == SCRIPTED:
        return ScriptedPlanner()
    return talker("planner", PLANNER, argument, options)


@registry.agents.register("sap", family="robot")
def sap(argument: str | None = None, **options: Unpack[TalkingOptions]) -> Agent:
    """The same as `planner`: what plans above the Standardised Action Procedure of Agentic Robot (arXiv 2505.23450)."""
    if argument is None or argument == SCRIPTED:
        return ScriptedPlanner("sap" if argument is None else f"sap:{argument}")
    return talker("sap", PLANNER, argument, options)


@registry.agents.register("verifier", family="robot")
def verifier(argument: str = "rule", **options: Unpack[TalkingOptions]) -> Agent:
    """Judges whether a subgoal is reached: `verifier:MODEL` reads the sensors; `verifier:rule`, `verifier:FILE`."""
    if argument == "rule" or argument.endswith(".json"):
        return SensorVerifier(None if argument == "rule" else read_heads(argument), argument)
    if argument.partition(":")[0] in ("oracle", "noisy"):
        raise ValueError(
            f"no agent sees the truth that the verifier {argument!r} needs: set verifier={argument} of TabletopPlan-v0"
        )
    return as_verifier(talker("verifier", VERIFIER, argument, options))


def as_verifier(agent: TalkingAgent) -> TalkingAgent:
    """A talking agent that forgets what it was asked before: every question stands for itself."""
    agent.history = 0
    return agent


class ScriptedPlanner(ScriptedAgent):
    """Knows the task's shortest plan, looks at what holds, and names the first step that is still to be done.

    It repairs what faults undo. It knows the seed's plan, so it is no rival of those that read the instruction.
    """

    def __init__(self, name: str = f"planner:{SCRIPTED}") -> None:
        super().__init__(name)

    async def act(self, observation: Observation) -> Reply:
        """The next step, or the rest of the plan where a whole plan is asked for."""
        plan = plan_of(self.seat.env_id, json.dumps(dict(self.seat.env_kwargs), sort_keys=True), self.seat.seed)
        facts = frozenset(observation.info.get("facts", ()))
        if observation.legal_actions is not None:
            step = next_step(plan, facts)
            return Reply(DONE if step is None else str(step))
        return Reply("\n".join(map(str, rest_of_plan(plan, facts))) or DONE)


@lru_cache(maxsize=1_024)
def plan_of(env_id: str, kwargs: str, seed: int) -> tuple[Subgoal, ...]:
    """The shortest plan of a seed. Raises ValueError where the environment knows none; `kwargs`: as JSON."""
    env = registry.envs.make(env_id, **json.loads(kwargs))
    try:
        plan = env.plan(seed) if hasattr(env, "plan") else None
    finally:
        env.close()
    if plan is None:
        raise ValueError(f"{env_id} knows no plan of seed {seed}: planner:scripted plays TabletopPlan-v0 and its like")
    return tuple(plan)


def next_step(plan: Sequence[Subgoal], facts: frozenset[str]) -> Subgoal | None:
    """The first step towards the goal that is still to be done; None: nothing is.

    Chained backwards from what must hold at the end: a step is due when what it brings about does not hold, and what it
    needs does.
    """
    for step in plan:
        if step.verb == "pick up" or _is_undone_later(step, plan):
            continue
        if str(postcondition(step)) not in facts:
            return _due(step, plan, facts)
    return None


def rest_of_plan(plan: Sequence[Subgoal], facts: frozenset[str]) -> list[Subgoal]:
    """The steps that are still to be done, supposing that each one works."""
    steps: list[Subgoal] = []
    now = set(facts)
    while len(steps) < 4 * len(plan) and (step := next_step(plan, frozenset(now))) is not None:
        steps.append(step)
        now -= {str(postcondition(other)) for other in (*plan, step) if _opposes(other, step)}
        now.add(str(postcondition(step)))
    return steps


def _due(step: Subgoal, plan: Sequence[Subgoal], facts: frozenset[str]) -> Subgoal:
    """The step itself, or what it needs first."""
    if step.verb != "place":
        return step
    opening = Subgoal("open", step.where or "")
    if opening in plan and str(postcondition(opening)) not in facts:
        return opening
    picking = Subgoal("pick up", step.thing)
    return step if str(postcondition(picking)) in facts else picking


def _is_undone_later(step: Subgoal, plan: Sequence[Subgoal]) -> bool:
    """Whether a later step of the plan undoes it: a drawer that is opened and closed again."""
    return any(_opposes(step, other) for other in plan[plan.index(step) + 1 :])


def _opposes(step: Subgoal, other: Subgoal) -> bool:
    """Whether `other` undoes what `step` brings about."""
    if step.thing != other.thing:
        return False
    return {step.verb, other.verb} in ({"open", "close"}, {"turn on", "turn off"}, {"pick up", "place"})


@registry.agents.register("teammate", family="robot")
class Teammate(ScriptedAgent):
    """Takes any seat of a robot team: the scripted planner and executor, and `verifier:rule` or `teammate:FILE`'s.

    It is the fixed company in which one seat learns: `sparring train grpo --envs TabletopTeam --opponents teammate`.
    """

    def __init__(self, argument: str = "rule") -> None:
        """`argument`: of the verifier, rule or a file. Raises ValueError."""
        if argument != "rule" and not argument.endswith(".json"):
            raise ValueError(f"teammate must be teammate or teammate:FILE.json, got teammate:{argument}")
        super().__init__("teammate" if argument == "rule" else f"teammate:{argument}")
        self.seats: Mapping[str, Agent] = {
            "planner": ScriptedPlanner(),
            "chooser": ConstantAgent(SCRIPTED),
            "verifier": verifier(argument),
        }

    def open(self, seat: Seat) -> Player:  # type: ignore[override]  # another agent plays, by the seat
        """The player of a seat. Raises ValueError for a seat that no robot team has."""
        if seat.seat not in self.seats:
            raise ValueError(f"{self.name} takes the seats {', '.join(self.seats)}, got {seat.seat} of {seat.env_id}")
        return self.seats[seat.seat].open(seat)


class SensorVerifier(ScriptedAgent):
    """Judges by the readings: thresholds, or a trained head."""

    def __init__(self, heads: Heads | None, name: str) -> None:
        super().__init__(f"verifier:{name}")
        self.heads = heads

    async def act(self, observation: Observation) -> Reply:
        """yes or no. Raises ValueError where the environment shows no readings."""
        readings = np.array(observation.info.get("readings", ()), np.float64)
        verb = observation.info.get("verb")
        if readings.shape != (len(READINGS),) or verb not in VERBS:
            raise ValueError(
                f"{self.name} judges readings, and {self.seat.env_id} shows none: it is for a team's verifier"
            )
        reached = judged(verb, readings) if self.heads is None else self.heads.says(verb, readings)
        return Reply("yes" if reached else "no")
