"""Controlled comparisons of the procedure's parts: the same tasks and faults for every arm, paired by seed.

    faults     open loop, verification without retries, retries, noisy verifiers and their windows; p(fault) 0, .3, .6
    verifiers  an untrained, a trained and a perfect verifier on noisy sensors
    ablation   what Agentic Robot (arXiv 2505.23450) takes away one at a time, with our executors

Every attempt meets the fault that its seed, subgoal and number decide, whatever the arm does before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from sparring.envs.robot.plan import TabletopPlan
from sparring.envs.robot.tabletop.control import Simulator
from sparring.envs.robot.verifiers import Verifier, verifier_of
from sparring.robotics.heads import Heads
from sparring.robotics.skills import postcondition
from sparring.robotics.words import Subgoal
from sparring.scoreboard.stats import Estimate, mcnemar, paired_share_difference, rate, wilson
from sparring.trainers.robot.verifying import AsVerifier

Metrics = Mapping[str, float]
Plan = Sequence[Subgoal]
NOISY = "noisy+fp={fp}+fn=0.1"
ONE, TWO, THREE = (1, 1), (2, 2), (3, 3)
"""agree of window."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One controller."""

    name: str
    verifier: str | Heads
    """A spec, "none", or trained heads."""
    votes: tuple[int, int] = TWO
    retries: int = 3
    lift: bool = True
    goals_only: bool = False
    """Whether the plan names nothing but the goal's clauses (the planner off)."""


FAULTS = (
    Arm("open loop", "none"),
    Arm("oracle, no retry", "oracle", ONE, retries=0),
    Arm("oracle, 3 retries, no lift", "oracle", ONE, lift=False),
    Arm("oracle, 3 retries, lift first", "oracle", ONE),
    Arm("10 % false yes, 1 of 1", NOISY.format(fp=0.1), ONE),
    Arm("10 % false yes, 2 of 2", NOISY.format(fp=0.1), TWO),
    Arm("30 % false yes, 1 of 1", NOISY.format(fp=0.3), ONE),
    Arm("30 % false yes, 3 of 3", NOISY.format(fp=0.3), THREE),
)


def verifier_arms(trained: Heads, blind: Heads) -> tuple[Arm, ...]:
    """Verifiers on noisy sensors, the oracle beside them."""
    votes = trained.agree, trained.window
    return (
        Arm("oracle", "oracle", votes),
        Arm("trained", trained, votes),
        Arm("trained, blind", blind, (blind.agree, blind.window)),
        Arm("untrained, 1 of 1", "rule", ONE),
        Arm("untrained, same window", "rule", votes),
    )


def ablation_arms(trained: Heads, blind: Heads) -> tuple[Arm, ...]:
    """The full procedure first, then without one part each."""
    votes = trained.agree, trained.window
    return (
        Arm("full", trained, votes),
        Arm("planner off", trained, votes, goals_only=True),
        Arm("verifier off", "none"),
        Arm("untrained verifier", "rule", votes),
        Arm("recovery off", trained, votes, retries=0),
        Arm("visual input off", blind, (blind.agree, blind.window)),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One arm at one rate of faults."""

    arm: str
    fault: float
    success: Estimate
    subgoal_success: Estimate
    recovery: Estimate
    """Of the subgoals whose first try failed, those that were reached at the end."""
    false_advances: float
    """A mean an episode, as all that follow."""
    steps: float
    checks: float
    faults: float
    difference: Estimate | None
    """Of success, to the first arm at the same rate, over the same tasks; None for the first arm itself."""
    mcnemar: float | None
    """The exact p-value of that difference."""


@dataclass(frozen=True, slots=True)
class Study:
    """How arms are compared."""

    arms: Sequence[Arm]
    rates: Sequence[float] = (0.0, 0.3, 0.6)
    """Probabilities that an attempt meets a fault."""
    episodes: int = 100
    task: str | None = "two"
    """The family of tasks; None: all."""
    simulator: Simulator = "twin"
    noise: float | None = None
    """Of the sensor, metres; None: the environment's own."""
    seed: int = 0


def run_study(study: Study, on_arm: Callable[[str], None] = lambda said: None) -> list[Row]:
    """All arms at all rates; `on_arm` hears when one starts."""
    rows: list[Row] = []
    for fault in study.rates:
        first: list[Metrics] | None = None
        for arm in study.arms:
            on_arm(f"p(fault) {fault:g}: {arm.name}")
            played = play_arm(arm, study, fault)
            rows.append(row_of(arm.name, fault, played, first))
            first = played if first is None else first
    return rows


def play_arm(arm: Arm, study: Study, fault: float) -> list[Metrics]:
    """The metrics of every episode; seeds are `study.seed`, and those that follow."""
    env = TabletopPlan(
        study.simulator,
        task=study.task,
        ask="plan",
        fault=fault,
        max_turns=1,
        replan=False,
        agree=arm.votes[0],
        window=arm.votes[1],
        verifier="none" if arm.verifier == "none" else "oracle",
        retries=arm.retries,
        lift=arm.lift,
    )
    if study.noise is not None:
        env.setup = replace(env.setup, noise=study.noise)
    if arm.verifier != "none":
        env.verifier = _verifier_of(arm.verifier)
    try:
        return [_play(env, seed, arm) for seed in range(study.seed, study.seed + study.episodes)]
    finally:
        env.close()


def row_of(name: str, fault: float, played: Sequence[Metrics], first: Sequence[Metrics] | None) -> Row:
    """An arm's row; `first`: the episodes of the arm that it is compared with."""
    wins = [metrics["success"] == 1 for metrics in played]
    other = [metrics["success"] == 1 for metrics in first or ()]
    tasks = range(len(played))
    return Row(
        name,
        fault,
        wilson(sum(wins), len(wins)),
        _share(played, "subgoals_reached", "subgoals"),
        _share(played, "recovered", "failed_first"),
        _mean(played, "false_advances"),
        _mean(played, "steps"),
        _mean(played, "checks"),
        _mean(played, "faults"),
        paired_share_difference(zip(tasks, map(float, wins), strict=True), zip(tasks, map(float, other), strict=True))
        if first is not None
        else None,
        mcnemar(wins, other) if first is not None else None,
    )


def _verifier_of(verifier: str | Heads) -> Verifier:
    return AsVerifier(verifier) if isinstance(verifier, Heads) else verifier_of(verifier)


def _play(env: TabletopPlan, seed: int, arm: Arm) -> Metrics:
    env.reset(seed=seed)
    plan = env.plan(seed)
    steps = _goals_only(plan, env) if arm.goals_only else plan
    info = env.step("\n".join(map(str, steps)))[-1]
    return cast(Metrics, info["metrics"])


def _goals_only(plan: Plan, env: TabletopPlan) -> Plan:
    """The steps that bring about a clause of the goal, without those that only prepare them."""
    return [step for step in plan if postcondition(step) in env.world.goal]


def _share(played: Sequence[Metrics], part: str, whole: str) -> Estimate:
    """A share of subgoals; those of an episode are not independent."""
    hits, tasks = [], []
    for task, metrics in enumerate(played):
        count, of = int(metrics[part]), int(metrics[whole])
        hits += [True] * count + [False] * (of - count)
        tasks += [task] * of
    return rate(hits, tasks)


def _mean(played: Sequence[Metrics], name: str) -> float:
    return float(np.mean([metrics[name] for metrics in played]))
