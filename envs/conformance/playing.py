"""Plays an environment as the conformance checks need it: by listed or sampled actions, with everything it showed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sparring.content import content_of, plain_or_none
from sparring.envs.conformance.subject import MANY_SEEDS, SEEDS, Environment, Subject, action_space
from sparring.rollout.actions import takes_text, text_of_action
from sparring.rollout.adapters import Step, View, adapt

SLOW_EPISODE = 2.0
"""Seconds."""
MOST_STEPS = 2_000
"""A longer episode counts as one that never ends."""
WORDS = ("look", "yes", "1", "north", "<answer>0</answer>")
"""What is said where an environment takes any text and suggests nothing."""


@dataclass(slots=True)
class Record:
    """One episode: what was played, and what was shown and paid."""

    seed: int
    answers: list[dict[str, str]] = field(default_factory=list)
    rows: list[object] = field(default_factory=list)
    """Everything that the environment said, comparable with ==, one row a step."""
    steps: list[Step] = field(default_factory=list)
    terminated: bool = False
    """Whether the environment says of a seat that its game was terminated, at the end."""
    seconds: float = 0.0

    @property
    def rewards(self) -> dict[str, float]:
        """The sums by seat."""
        sums: dict[str, float] = {}
        for step in self.steps:
            for seat, reward in step.rewards.items():
                sums[seat] = sums.get(seat, 0.0) + float(reward)
        return sums

    @property
    def ended(self) -> bool:
        """Whether it came to its end."""
        return not self.steps[-1].movers


def played(env: Environment, seed: int, most: int = MOST_STEPS) -> Record:
    """An episode of random listed actions. Raises whatever the environment raises."""
    started, game, rng, record = time.perf_counter(), adapt(env), random.Random(seed), Record(seed)
    _keep(record, game.reset(seed))
    while record.steps[-1].movers and len(record.answers) < most:
        answers = {view.seat: an_answer(env, view, rng) for view in record.steps[-1].movers}
        record.answers.append(answers)
        _keep(record, game.step(answers))
    record.terminated = any(getattr(env, "terminations", {}).values())
    record.seconds = time.perf_counter() - started
    return record


def episode(subject: Subject, seed: int) -> Record:
    """The episode of random listed actions on a new instance: played once, for all checks. Raises what it raises."""
    if seed not in subject.episodes:
        subject.episodes[seed] = played(subject.build(), seed)
    return subject.episodes[seed]


def many_seeds(subject: Subject) -> Sequence[int]:
    """Twelve; where an episode takes long only those that are played in any case."""
    slow = any(episode(subject, seed).seconds > SLOW_EPISODE for seed in SEEDS)
    return SEEDS if slow else range(MANY_SEEDS)


def replayed(
    env: Environment, seed: int, answers: Sequence[Mapping[str, str]], between: Callable[[], object] | None = None
) -> Record:
    """The episode of these answers, as far as it goes; `between` is called before every step."""
    game, record = adapt(env), Record(seed)
    _keep(record, game.reset(seed))
    for said in answers:
        if not record.steps[-1].movers or any(view.seat not in said for view in record.steps[-1].movers):
            break  # it is over, or another seat is to move
        if between is not None:
            between()
        record.answers.append(dict(said))
        _keep(record, game.step(said))
    return record


def an_answer(env: Environment, view: View, rng: random.Random) -> str:
    """One of the listed actions, else one of the space."""
    listed = view.info.get("legal_actions") or view.info.get("suggested_actions")
    if listed:
        return str(rng.choice(listed))
    space = action_space(env, view.seat)
    if takes_text(space):
        return rng.choice(WORDS)
    space.seed(rng.randrange(2**31))
    return text_of_action(space.sample())


def views_of(step: Step) -> Iterator[View]:
    """Everything that seats see."""
    yield from step.movers
    yield from step.ended


def _keep(record: Record, step: Step) -> None:
    record.steps.append(step)
    seen = [(view.seat, content_of(view.seen), _plain(view.info)) for view in views_of(step)]
    infos = {seat: _plain(info) for seat, info in step.infos.items()}
    record.rows.append(
        (seen, {seat: repr(float(reward)) for seat, reward in step.rewards.items()}, infos, step.truncated)
    )


def _plain(info: Mapping[str, object]) -> dict[str, object]:
    return {str(name): plain_or_none(value) for name, value in info.items()}
