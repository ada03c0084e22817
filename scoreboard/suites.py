"""Suites: one agent over a fixed list of environments, each played with seeds of its own that never train.

code       the tool tasks by family (held-out split), HumanEval, CodeI/O
retrieval  searching by kind of question (held-out split), invented and real worlds; how answers came about beside them
robot      planning over a tabletop by family of tasks (held-out split), with faults, with an untrained verifier
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from sparring import registry
from sparring.agents import named
from sparring.agents.scripted import ScriptedAgent
from sparring.content import canonical_json
from sparring.protocols import Agent
from sparring.rollout.loop import Event, Listener, Match, play
from sparring.rollout.pool import Pool
from sparring.samples import generated_tokens
from sparring.scoreboard.matches import identity
from sparring.scoreboard.standings import faults_of
from sparring.scoreboard.stats import Estimate, bounded_mean, clustered_mean, wilson
from sparring.scoreboard.stored_matches import play_missing
from sparring.store.store import Store
from sparring.types import Episode, Observation, Reply, derive_seed

TABLETOP = ("bin", "two", "stack", "tower", "drawer", "light", "tidy", "everything")
FAMILIES = ("messages", "sequences", "trade", "travel", "web", "apis")
MAX_TURNS = 40
"""Enough for a tree of three by three and its answer."""
TASKS_FOR_CONSTANT = 100
"""Other tasks of a part, from which its most frequent answer is taken."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a suite."""

    name: str
    env_id: str
    env_kwargs: Mapping[str, object] = field(default_factory=dict)
    agent_kwargs: Mapping[str, object] = field(default_factory=dict)
    """What an agent that takes it is built with here: a tree hands in its program where the task is a program."""
    metrics: Sequence[str] = ()
    """Of the episodes, whose means are shown."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one part went."""

    part: str
    accuracy: Estimate
    """Share of rewards of 1, Wilson's interval; episodes that a fault of ours broke off are left out."""
    turns: float | None
    tokens: float | None
    """Means per episode; None without any that came to an end."""
    faults: int
    errors: Sequence[str] = ()
    """Every episode that broke off, and why."""
    constant: Estimate | None = None
    """The accuracy, on the same tasks, of the one answer that is right most often; None where there is none."""
    constant_answer: str | None = None
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    """Mean of each metric that the part names, over tasks."""
    unplayed: int = 0
    """Tasks that an interruption kept from being played to their end; the figures are of the others."""


class SuiteInterrupted(KeyboardInterrupt):
    """Ctrl-C while a suite was played; `scores` are those of the parts that were done, and of the one in play."""

    def __init__(self, scores: list[Score], said: str) -> None:
        super().__init__(said)
        self.scores = scores


SEARCHING = ("em", "contains", "f1", "rounds", "gave_up", "over_search", "premature_stop", "lucky_guess", "misread")
MANIPULATING = (
    *("success_at_cap", "subgoal_success", "recovery", "false_advances"),
    *("verifier_precision", "verifier_recall", "steps", "checks", "illegal_actions"),
)
COUNTS = ("rounds", "over_search", "false_advances", "steps", "checks", "illegal_actions")
"""Of all these: numbers of something; the others lie between 0 and 1."""


def _searching(name: str, world: str, **options: object) -> Part:
    """Questions whose reward is 1 or 0: rounds are counted, and cost nothing."""
    kwargs = {"world": world, "split": "held_out", "round_cost": 0.0, "drop_seen": True, **options}
    return Part(name, "sparring/Search-v0", kwargs, metrics=SEARCHING)


LIBERO = ("libero_object", "libero_spatial", "libero_goal", "libero_10")
FREE = {"step_cost": 0.0, "illegal_cost": 0.0}
"""Of planning: rewards are 1 where all of the goal holds."""


def _manipulating(name: str, **options: object) -> Part:
    """Tasks whose reward is 1 where all of the goal holds: steps are counted, and cost nothing."""
    return Part(name, "sparring/TabletopPlan-v0", {"split": "held_out", **FREE, **options}, metrics=MANIPULATING)


SUITES: Mapping[str, tuple[Part, ...]] = {
    "code": (
        *(
            Part(
                f"tool tasks: {name}",
                "sparring/ToolTasks-v0",
                {"family": name, "split": "held_out", "max_turns": MAX_TURNS},
            )
            for name in FAMILIES
        ),
        Part("HumanEval", "sparring/HumanEval-v0", {"max_turns": MAX_TURNS}, {"answer": "program"}),
        Part("CodeI/O", "sparring/CodeIO-v0", {"split": "held_out", "max_turns": MAX_TURNS}),
    ),
    "retrieval": (
        *(_searching(f"chains of {hops}", "fiction", kinds="chain", hops=hops) for hops in (1, 2, 3, 4)),
        *(_searching(kind, "fiction", kinds=kind) for kind in ("comparison", "intersection", "unanswerable")),
        _searching("chains, real world", "atlas", kinds="chain"),
    ),
    "robot": (
        *(_manipulating(f"tabletop: {family}", task=family) for family in TABLETOP),
        _manipulating("with faults", fault=0.3),
        _manipulating("with faults, untrained verifier", fault=0.3, verifier="rule"),
        *(
            Part(f"LIBERO: {suite}", "sparring/LiberoPlan-v0", {"suite": suite, **FREE}, metrics=MANIPULATING)
            for suite in LIBERO
        ),
        Part("Meta-World: drawer", "sparring/MetaWorldPlan-v0", {"task": "drawer-open", **FREE}, metrics=MANIPULATING),
    ),
}


def run_suite(
    name: str,
    agent: str,
    tasks: int,
    seed: int,
    store: Store | None = None,
    on_event: Listener | None = None,
    on_part: Callable[[str], None] = lambda part: None,
    pool: Pool | None = None,
) -> list[Score]:
    """Play every part of a suite, `tasks` different tasks of each, or all there are; `on_part` hears when one starts.
    `pool`: where they are played.

    Raises UnknownName for an unknown suite or agent, ValueError for `tasks` below 1, SuiteInterrupted.
    """
    if tasks < 1:
        raise ValueError(f"a suite needs games >= 1, got {tasks}")
    scores: list[Score] = []
    for part in playable(name)[0]:
        player, ended = _agent(agent, part.agent_kwargs), list[Episode]()
        on_part(part.name)
        matches = matches_of(name, part, player, tasks, seed)
        try:
            _play_part(matches, player, store, ended, on_event, pool)
            answer = likely_answer(part)
            constant = None if answer is None else _constant(answer, name, part, tasks, seed)
        except KeyboardInterrupt as interruption:
            partly = replace(score(part.name, ended, part.metrics), unplayed=len(matches) - len(ended))
            raise SuiteInterrupted([*scores, partly] if ended else scores, str(interruption)) from interruption
        scored = score(part.name, ended, part.metrics)
        scores.append(replace(scored, constant=constant, constant_answer=answer))
    return scores


def _constant(answer: str, suite: str, part: Part, tasks: int, seed: int) -> Estimate:
    """How often one answer is right."""
    scripted = ConstantAnswer(answer)
    matches = matches_of(suite, part, scripted, tasks, seed)
    return score(part.name, play(matches, {scripted.name: scripted})).accuracy


def parts_of(name: str) -> Sequence[Part]:
    """The parts of a suite. Raises UnknownName."""
    if name not in SUITES:
        raise registry.UnknownName(registry.unknown("suite", name, SUITES))
    return SUITES[name]


def playable(name: str) -> tuple[list[Part], list[str]]:
    """The parts whose environments are installed, and of the others what to install. Raises UnknownName."""
    installed, missing = [], []
    for part in parts_of(name):
        try:
            registry.envs.make(part.env_id, **part.env_kwargs).close()
        except registry.MissingExtra as error:
            missing.append(f"{part.name} is left out: {error}")
        else:
            installed.append(part)
    return installed, missing


def matches_of(suite: str, part: Part, player: Agent, tasks: int, seed: int) -> list[Match]:
    """Matches on different tasks: where a part has only so many, they are drawn without replacement."""
    count = _task_count(part)
    if count is None:
        return [_match(suite, part, player, index, seed) for index in range(tasks)]
    drawn = random.Random(derive_seed(seed, suite, part.name)).sample(range(count), min(tasks, count))
    return [_match(suite, part, player, index, seed, task) for index, task in enumerate(drawn)]


def likely_answer(part: Part) -> str | None:
    """The answer that is right most often over other tasks of a part; None where no answer can be written down."""
    return _likely_answer(part.name, part.env_id, canonical_json(dict(part.env_kwargs)))


@cache
def _likely_answer(part: str, env_id: str, kwargs: str) -> str | None:
    """`kwargs`: as JSON. A process works it out once: for some parts it takes hundreds of calls in the sandbox."""
    env = registry.envs.make(env_id, **json.loads(kwargs))
    answers: Counter[str | None] = Counter()
    if not hasattr(env, "right_answer"):
        return None
    for index in range(TASKS_FOR_CONSTANT):
        env.reset(seed=derive_seed("constant", part, index))
        answers[env.right_answer()] += 1
    env.close()
    return answers.most_common(1)[0][0]


class ConstantAnswer(ScriptedAgent):
    """Gives one answer to every task, without looking."""

    def __init__(self, answer: str) -> None:
        super().__init__("constant answer")
        self.answer = answer

    async def act(self, observation: Observation) -> Reply:
        """The answer."""
        return Reply(f"<answer>{self.answer}</answer>")


def _play_part(
    matches: Sequence[Match],
    player: Agent,
    store: Store | None,
    ended: list[Episode],
    on_event: Listener | None,
    pool: Pool | None,
) -> None:
    """Play matches, or take them from the store; `ended` grows as they end, and holds all in order when all did."""
    agents = {player.name: player}

    def note(event: Event) -> None:
        if event.episode is not None:
            ended.append(event.episode)
        if on_event is not None:
            on_event(event)

    if store is None:
        ended[:] = play(matches, agents, on_event=note, pool=pool)
        return
    for match in matches:
        if match.id in store:
            note(Event("done", match, episode=store.get(match.id)))
    ended[:] = play_missing(matches, agents, store, on_event=note, pool=pool)


def score(part: str, episodes: list[Episode], metrics: Sequence[str] = ()) -> Score:
    """The line of a part from its episodes, with the means of some of their metrics."""
    sound = [episode for episode in episodes if episode.sound]
    seats = [trajectory for episode in sound for trajectory in episode.trajectories.values()]
    tokens = [generated_tokens(trajectory.turns) for trajectory in seats]
    return Score(
        part,
        wilson(sum(trajectory.reward == 1.0 for trajectory in seats), len(seats)),
        float(np.mean([len(trajectory.turns) for trajectory in seats])) if seats else None,
        float(np.mean(tokens)) if tokens else None,
        len(episodes) - len(sound),
        faults_of(episodes),
        metrics={name: _mean_of(name, sound) for name in metrics},
    )


def _mean_of(metric: str, episodes: Sequence[Episode]) -> Estimate:
    """Over the tasks whose episodes say it."""
    said = [
        (episode.task, trajectory.metrics[metric])
        for episode in episodes
        for trajectory in episode.trajectories.values()
        if metric in trajectory.metrics
    ]
    values, tasks = [value for _, value in said], [task for task, _ in said]
    return clustered_mean(values, tasks) if metric in COUNTS else bounded_mean(values, tasks, 0.0, 1.0)


def _agent(spec: str, kwargs: Mapping[str, object]) -> Agent:
    agent: Agent = named.make(spec, **(kwargs if spec.partition(":")[0] == "tree-of-code" else {}))
    return agent


def _task_count(part: Part) -> int | None:
    env = registry.envs.make(part.env_id, **part.env_kwargs)
    env.close()
    count: int | None = getattr(env, "task_count", None)
    return count


def _match(suite: str, part: Part, player: Agent, index: int, seed: int, number: int | None = None) -> Match:
    task = f"{suite}/{part.name}/{index}" if number is None else f"{suite}/{part.name}/task-{number}"
    drawn = derive_seed(seed, task) if number is None else number
    id = f"{identity(player)}/{seed}/{task}"
    return Match(id, part.env_id, {"player_0": player.name}, drawn, part.env_kwargs, task=task, group=suite)
