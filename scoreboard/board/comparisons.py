"""What a board rests on: who did better than whom on the same task, as columns out of episode rows.

A game between two is one comparison: the seat that was paid more won it. In a game of more seats every two of them are
compared. Where an agent plays alone, two agents are compared on every task that both played, by their mean rewards.
The seed is the task: comparisons on one seed of one environment are one cluster, whoever played, as they share its
luck. Of a game that an agent
played against itself, and of seats that play together, nothing is compared.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.content import canonical_json
from sparring.scoreboard.names import env_words, play_words, unit_of
from sparring.specs import spec_of
from sparring.store.rows import EpisodeRow

Side = tuple[int, float, float]
"""Agent, payoff, reward."""
Key = TypeVar("Key", bound=Hashable)
SHOWN_BEHIND = 8
"""Episodes that a number names as those behind it."""


@dataclass(frozen=True, slots=True)
class Place:
    """An environment with its settings: what a board counts apart."""

    env_id: str
    spec: str
    """Id and settings in one word."""
    name: str
    """For people."""
    family: str
    skills: tuple[str, ...]
    seats: int
    is_contest: bool
    """Whether seats play against each other."""
    reward_range: tuple[float, float] | None
    unit: str


@dataclass(frozen=True, slots=True)
class Behind:
    """An episode behind a number."""

    id: str
    number: int
    """Among all episodes that were read, counted from 1."""
    earned: tuple[tuple[int, float], ...]
    """By seat, in order: (agent, reward)."""


@dataclass(slots=True)
class Comparisons:
    """Columns; agents, places and tasks are numbers, in the order in which they appeared first."""

    agents: dict[str, int] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    tasks: dict[tuple[int, int], int] = field(default_factory=dict)
    """(place, seed) -> number."""
    first: array[int] = field(default_factory=lambda: array("i"))
    """[N] Who had the earlier seat; of those who played alone, the agent that appeared earlier."""
    second: array[int] = field(default_factory=lambda: array("i"))
    score: array[float] = field(default_factory=lambda: array("d"))
    """[N] 1 where the first did better, 0.5 where both did as well, else 0."""
    place: array[int] = field(default_factory=lambda: array("i"))
    task: array[int] = field(default_factory=lambda: array("i"))
    behind: dict[tuple[int, int, int], list[Behind]] = field(default_factory=dict)
    """(place, agent, other agent) -> the first episodes; an agent that plays alone stands there twice."""
    played: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """The same keys -> how many episodes there are."""
    lines: dict[int, set[int]] = field(default_factory=dict)
    """Place -> hashes of the different games: who sat where, and what was done."""
    seatings: dict[int, Counter[int]] = field(default_factory=dict)
    """Place -> hash of the seed and the agents, whatever their seats -> games; of contests."""
    games: Counter[int] = field(default_factory=Counter)
    """Place -> games that came to their end."""
    faults: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(place, agent) -> episodes that broke off while it had a seat."""
    seated: Seated = field(default_factory=lambda: Seated())
    broken_off: int = 0
    """Episodes that a fault ended; nothing of them is counted."""
    episodes: int = 0

    def __len__(self) -> int:
        return len(self.first)


@dataclass(slots=True)
class Seated:
    """What every agent got out of every seat that it had: columns of equal length."""

    agent: array[int] = field(default_factory=lambda: array("i"))
    place: array[int] = field(default_factory=lambda: array("i"))
    task: array[int] = field(default_factory=lambda: array("i"))
    reward: array[float] = field(default_factory=lambda: array("d"))
    illegal: array[int] = field(default_factory=lambda: array("i"))
    """Turns whose action was illegal."""
    turns: array[int] = field(default_factory=lambda: array("i"))


def compare_rows(rows: Iterable[EpisodeRow]) -> Comparisons:
    """Read rows once; a million of them take seconds, and memory for a few numbers each."""
    found = Comparisons()
    numbers: dict[tuple[str, str], int] = {}
    for row in rows:
        found.episodes += 1
        key = (row.env_id, canonical_json(dict(row.env_kwargs)) if row.env_kwargs else "")
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(found.places)
            found.places.append(_place(row))
            found.lines[number], found.seatings[number] = set(), Counter()
        if row.sound:
            _add(found, row, number)
        else:
            found.broken_off += 1
            agents = found.agents
            found.faults.update({(number, agents.setdefault(name, len(agents))) for name in row.agents.values()})
    for number, place in enumerate(found.places):
        if not place.is_contest:
            _compare_tasks(found, number)
    return found


def _add(found: Comparisons, row: EpisodeRow, number: int) -> None:
    agents, seated = found.agents, found.seated
    task = found.tasks.setdefault((number, row.seed), len(found.tasks))
    names = tuple(row.agents.values())
    found.games[number] += 1
    found.lines[number].add(hash((names, row.line)))
    sides: list[Side] = []
    for seat, name in row.agents.items():
        agent = agents.setdefault(name, len(agents))
        reward = row.rewards[seat]
        sides.append((agent, row.payoffs[seat], reward))
        seated.agent.append(agent)
        seated.place.append(number)
        seated.task.append(task)
        seated.reward.append(reward)
        seated.illegal.append(row.illegal[seat])
        seated.turns.append(row.turns[seat])
    if not found.places[number].is_contest:
        for agent in dict.fromkeys(agent for agent, _, _ in sides):
            _note(found, (number, agent, agent), row.id, sides)
        return
    if len(set(names)) == len(names):
        _count(found.seatings[number], hash((row.seed, tuple(sorted(names)))))
    for (one, *earned), (other, *others) in combinations(sides, 2):
        if one != other:
            _compare(found, number, task, one, other, 1.0 if earned > others else 0.5 if earned == others else 0.0)
            _note(found, (number, min(one, other), max(one, other)), row.id, sides)


def _note(found: Comparisons, key: tuple[int, int, int], id: str, sides: Sequence[Side]) -> None:
    _count(found.played, key)
    behind = found.behind.get(key)
    if behind is None:
        behind = found.behind[key] = []
    if len(behind) < SHOWN_BEHIND:
        behind.append(Behind(id, found.episodes, tuple((agent, reward) for agent, _, reward in sides)))


def _count(counter: Counter[Key], key: Key) -> None:
    """One more; a Counter's own `+= 1` takes several times as long for what it has not seen."""
    counter[key] = counter.get(key, 0) + 1


def _compare(found: Comparisons, place: int, task: int, first: int, second: int, score: float) -> None:
    found.first.append(first)
    found.second.append(second)
    found.score.append(score)
    found.place.append(place)
    found.task.append(task)


def _compare_tasks(found: Comparisons, number: int) -> None:
    """Every two agents on every task that both played: who got more, on the mean of the attempts?"""
    seated = found.seated
    here = np.asarray(seated.place, np.int64) == number
    tasks, task = np.unique(np.asarray(seated.task, np.int64)[here], return_inverse=True)
    agents, agent = np.unique(np.asarray(seated.agent, np.int64)[here], return_inverse=True)
    shape, cell = (len(tasks), len(agents)), task * len(agents) + agent
    played = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cell, np.asarray(seated.reward)[here], shape[0] * shape[1]).reshape(shape)
    means = sums / np.maximum(played, 1)
    for one, other in combinations(range(len(agents)), 2):
        both = np.flatnonzero((played[:, one] > 0) & (played[:, other] > 0))
        score = (np.sign(_rounded(means[both, one] - means[both, other])) + 1) / 2
        found.first.extend([int(agents[one])] * len(both))
        found.second.extend([int(agents[other])] * len(both))
        found.score.extend(score.tolist())
        found.place.extend([number] * len(both))
        found.task.extend(tasks[both].tolist())


def _rounded(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what adding up in another order makes of equal means."""
    return np.round(differences, 12)


def _place(row: EpisodeRow) -> Place:
    kwargs = dict(row.env_kwargs)
    settings = ", ".join(f"{name}={value}" for name, value in sorted(kwargs.items()))
    name = env_words(row.env_id) + (f" ({settings})" if settings else "")
    spec = spec_of(row.env_id, kwargs)
    contested = len(row.agents) > 1 and play_words(row.env_id).contested
    try:
        known = registry.envs.row(row.env_id)
    except registry.UnknownName:  # an episode of an environment that is not installed here
        return Place(row.env_id, spec, name, "other", (), len(row.agents), contested, None, "reward")
    return Place(
        row.env_id,
        spec,
        name,
        known.family,
        tuple(known.skills),
        len(row.agents),
        contested and not known.roles,
        known.reward_range,
        unit_of(row.env_id),
    )


def groups_of(places: Iterable[Place]) -> Mapping[str, list[int]]:
    """What a board shows: everything, each family, each skill, each place; key -> places. Equal ones are shown once."""
    numbered = list(enumerate(places))
    groups = {"all": [number for number, _ in numbered]}
    for kind, named in (("family", lambda one: (one.family,)), ("skill", lambda one: one.skills)):
        for name in sorted({name for _, place in numbered for name in named(place)}):
            groups[f"{kind}:{name}"] = [number for number, place in numbered if name in named(place)]
    for number, place in sorted(numbered, key=lambda item: item[1].name):
        groups[f"env:{place.spec}"] = [number]
    return groups
