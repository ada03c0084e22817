"""Suites: one agent over a fixed list of environments, each played with seeds of its own that never train.

code    the tool tasks by family (held-out split), HumanEval, CodeI/O
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring import registry
from sparring.rollout import Match, play
from sparring.scoreboard.matches import play_missing
from sparring.scoreboard.run_data import faults_of
from sparring.scoreboard.stats import Estimate, wilson
from sparring.scoreboard.store import Store
from sparring.types import Episode, derive_seed

FAMILIES = ("messages", "sequences", "trade", "travel", "web", "apis")
MAX_TURNS = 40
"""Enough for a tree of three by three and its answer."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a suite."""

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    agent_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """What an agent that takes it is built with here: a tree hands in its program where the task is a program."""


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
        Part("CodeI/O", "sparring/CodeIO-v0", {"max_turns": MAX_TURNS}),
    )
}


def run_suite(
    name: str,
    agent: str,
    tasks: int,
    seed: int,
    store: Store | None = None,
    on_episode: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Play every part of a suite, `tasks` episodes each.

    Raises UnknownName for an unknown suite or agent, ValueError for `tasks` below 1.
    """
    if name not in SUITES:
        raise registry.UnknownName(registry.unknown("suite", name, SUITES))
    if tasks < 1:
        raise ValueError(f"a suite needs games >= 1, got {tasks}")
    scores = []
    for part in SUITES[name]:
        player = _agent(agent, part.agent_kwargs)
        matches = [_match(name, part, player, index, seed) for index in range(tasks)]
        scores.append(score(part.name, _played(matches, store, on_episode)))
    return scores


def _played(matches: list[Match], store: Store | None, on_episode: Callable[[], None]) -> list[Episode]:
    def note(episode: Episode) -> None:
        on_episode()

    return play(matches, on_episode=note) if store is None else play_missing(matches, store, on_episode=note)


def score(part: str, episodes: list[Episode]) -> Score:
    """The line of a part from its episodes."""
    sound = [episode for episode in episodes if episode.error is None]
    seats = [trajectory for episode in sound for trajectory in episode.trajectories.values()]
    tokens = [sum(len(s.token_ids) for turn in t.turns for s in turn.segments if s.kind == "generated") for t in seats]
    return Score(
        part,
        wilson(sum(trajectory.reward == 1.0 for trajectory in seats), len(seats)),
        float(np.mean([len(trajectory.turns) for trajectory in seats])) if seats else None,
        float(np.mean(tokens)) if tokens else None,
        len(episodes) - len(sound),
        faults_of(episodes),
    )


def _agent(spec: str, kwargs: Mapping[str, Any]) -> Any:
    name, colon, argument = spec.partition(":")
    given = {"argument": argument} if colon else {}
    return registry.agents.make(name, **given, **(kwargs if name == "tree-of-code" else {}))


def _match(suite: str, part: Part, player: Any, index: int, seed: int) -> Match:
    task = f"{suite}/{part.name}/{index}"
    id, drawn = f"{player.name}/{seed}/{task}", derive_seed(seed, task)
    return Match(id, part.env_id, {"player_0": player}, drawn, part.env_kwargs, task=task, group=suite)
