"""What a board rests on: who did better than whom on the same task, as columns.

A game between two is one comparison: the seat that was paid more won it. In a game of more seats every two of them are
compared. Where an agent plays alone, two agents are compared on every task that both played, by their mean rewards.
The seed is the task: comparisons on one seed of one environment are one cluster, whoever played, as they share its
luck. Of a game that an agent played against itself, and of seats that play together, nothing is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.board.places import Place
from sparring.scoreboard.board.played import Behind, Key, Played, read_rows
from sparring.scoreboard.board.whole_games import Ended, ranks
from sparring.scoreboard.columns import Ints, no_ints
from sparring.store.rows import EpisodeRow

Floats = NDArray[np.float64]


def _no_floats() -> Floats:
    return np.empty(0, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Seated:
    """What every agent got out of every seat that it had: columns of equal length."""

    agent: Ints = field(default_factory=no_ints)
    place: Ints = field(default_factory=no_ints)
    task: Ints = field(default_factory=no_ints)
    reward: Floats = field(default_factory=_no_floats)
    illegal: Ints = field(default_factory=no_ints)
    """Turns whose action was illegal."""
    turns: Ints = field(default_factory=no_ints)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """N comparisons."""

    first: Ints = field(default_factory=no_ints)
    """[N] Who had the earlier seat; of those who played alone, the agent that appeared earlier."""
    second: Ints = field(default_factory=no_ints)
    score: Floats = field(default_factory=_no_floats)
    """[N] 1 where the first did better, 0.5 where both did as well, else 0."""
    place: Ints = field(default_factory=no_ints)
    task: Ints = field(default_factory=no_ints)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Comparisons(Columns):
    """N comparisons, and what else the episodes say; agents, places and tasks are numbers."""

    agents: Mapping[str, int] = field(default_factory=dict)
    """In the order of their numbers, as are places and tasks."""
    places: Sequence[Place] = ()
    tasks: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(place, seed) -> number."""
    seated: Seated = field(default_factory=Seated)
    behind: Mapping[Key, Sequence[Behind]] = field(default_factory=dict)
    """The first episodes behind every number."""
    played: Mapping[Key, int] = field(default_factory=dict)
    """The same keys -> how many episodes there are."""
    games: Mapping[int, int] = field(default_factory=Counter)
    """Place -> games that came to their end."""
    different: Mapping[int, int] = field(default_factory=Counter)
    """Place -> how many of these differ in who sat where or in what was done."""
    lopsided: Mapping[int, int] = field(default_factory=Counter)
    """Place -> deals of a contest that the same agents did not play equally often in every seat."""
    faults: Mapping[tuple[int, int], int] = field(default_factory=Counter)
    """(place, agent) -> episodes that broke off while it had a seat."""
    ended: Mapping[int, Ended] = field(default_factory=dict)
    """Place of more than two seats that play against each other -> how its games ended."""
    broken_off: int = 0
    """Episodes that a fault ended; nothing of them is counted."""
    episodes: int = 0

    def __len__(self) -> int:
        return len(self.first)


def compare_rows(rows: Iterable[EpisodeRow]) -> Comparisons:
    """The comparisons that episodes give; a million of them take seconds, and memory for a few numbers each."""
    return _compare(read_rows(rows))


def _compare(played: Played) -> Comparisons:
    lineup = np.asarray(played.lineup, np.int64)
    place_of = np.array([one.place for one in played.lineups.values()], np.int64)
    starts, seated = _seated(played, lineup, place_of)
    games = _games(played, lineup, starts, seated)
    alone = [_tasks(seated, number) for number, place in enumerate(played.places) if not place.is_contest]
    columns = _concatenated([games, *alone])
    return Comparisons(
        columns.first,
        columns.second,
        columns.score,
        columns.place,
        columns.task,
        agents=played.agents,
        places=played.places,
        tasks=played.tasks,
        seated=seated,
        behind=played.behind,
        played=_episodes_behind(played, np.bincount(lineup, minlength=len(place_of))),
        games=Counter(place_of[lineup].tolist()),
        different=_different(played, lineup, place_of),
        lopsided=_lopsided(played, lineup),
        ended=_ended(played, lineup, seated),
        faults=played.faults,
        broken_off=played.broken_off,
        episodes=played.episodes,
    )


def _seated(played: Played, lineup: Ints, place_of: Ints) -> tuple[Ints, Seated]:
    """[E], where the seats of every episode begin in the columns; and the columns."""
    agents, sizes, begins = _joined([one.agents for one in played.lineups.values()])
    episode, seat, starts = _repeat(sizes[lineup])
    return starts, Seated(
        agents[begins[lineup[episode]] + seat],
        place_of[lineup[episode]],
        np.asarray(played.task, np.int64)[episode],
        np.asarray(played.reward, np.float64),
        np.asarray(played.illegal, np.int64),
        np.asarray(played.turns, np.int64),
    )


def _games(played: Played, lineup: Ints, starts: Ints, seated: Seated) -> Columns:
    """What single games compare, in their order."""
    lineups = list(played.lineups.values())
    earlier, sizes, begins = _joined([[pair[0] for pair in one.pairs] for one in lineups])
    later = _joined([[pair[1] for pair in one.pairs] for one in lineups])[0]
    episode, number, _ = _repeat(sizes[lineup])
    pair = begins[lineup[episode]] + number
    first, second = starts[episode] + earlier[pair], starts[episode] + later[pair]
    payoff, reward = np.asarray(played.payoff, np.float64), seated.reward
    ahead = payoff[first] > payoff[second]
    even = payoff[first] == payoff[second]
    ahead |= even & (reward[first] > reward[second])
    even &= reward[first] == reward[second]
    return Columns(seated.agent[first], seated.agent[second], ahead + even / 2, seated.place[first], seated.task[first])


def _ended(played: Played, lineup: Ints, seated: Seated) -> dict[int, Ended]:
    sizes = np.array([len(one.agents) for one in played.lineups.values()], np.int64)
    game = np.repeat(np.arange(len(lineup)), sizes[lineup])
    payoff, found = np.asarray(played.payoff, np.float64), dict[int, Ended]()
    for number, place in enumerate(played.places):
        if place.is_contest and place.seats > 2:
            here = np.flatnonzero(seated.place == number)
            rank = ranks(payoff[here], seated.reward[here])
            found[number] = Ended(game[here], seated.agent[here], rank, seated.task[here])
    return found


def _joined(parts: Sequence[Sequence[int]]) -> tuple[Ints, Ints, Ints]:
    """All numbers one after another, how many each part has, and where each begins."""
    sizes = np.array([len(part) for part in parts], np.int64)
    return np.array([one for part in parts for one in part], np.int64), sizes, np.cumsum(sizes) - sizes


def _repeat(sizes: Ints) -> tuple[Ints, Ints, Ints]:
    """Each index as often as its size says, the number of every repetition, and where each index begins."""
    starts = np.cumsum(sizes) - sizes
    index = np.repeat(np.arange(len(sizes)), sizes)
    return index, np.arange(len(index)) - starts[index], starts


def _tasks(seated: Seated, number: int) -> Columns:
    """Every two agents on every task of a place that both played: who got more, on the mean of the attempts?"""
    here = seated.place == number
    tasks, task = np.unique(seated.task[here], return_inverse=True)
    agents, agent = np.unique(seated.agent[here], return_inverse=True)
    shape, cell = (len(tasks), len(agents)), task * len(agents) + agent
    played = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cell, seated.reward[here], shape[0] * shape[1]).reshape(shape)
    means = sums / np.maximum(played, 1)
    found = [Columns()]
    for one, other in combinations(range(len(agents)), 2):
        both = np.flatnonzero((played[:, one] > 0) & (played[:, other] > 0))
        score = (np.sign(_rounded(means[both, one] - means[both, other])) + 1) / 2
        ours, theirs, where = (np.full(len(both), value) for value in (agents[one], agents[other], number))
        found.append(Columns(ours, theirs, score, where, tasks[both]))
    return _concatenated(found)


def _concatenated(parts: Sequence[Columns]) -> Columns:
    return Columns(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Columns)))


def _rounded(differences: Floats) -> Floats:
    """Without what adding up in another order makes of equal means."""
    return np.round(differences, 12)


def _episodes_behind(played: Played, episodes: Ints) -> dict[Key, int]:
    """`episodes`: of every lineup."""
    counts = dict.fromkeys(played.behind, 0)
    for lineup in played.lineups.values():
        for key in lineup.keys:
            counts[key] += int(episodes[lineup.number])
    return counts


def _different(played: Played, lineup: Ints, place_of: Ints) -> Counter[int]:
    line = np.asarray(played.line, np.int64)
    order = np.lexsort((line, lineup))
    other = (np.diff(lineup[order], prepend=-1) != 0) | (np.diff(line[order], prepend=0) != 0)
    return Counter(place_of[lineup[order[other]]].tolist())


def _lopsided(played: Played, lineup: Ints) -> Counter[int]:
    """Agents that are the same whatever their seats have one number; those that sit twice are left out."""
    numbers, group_of = dict[tuple[int, ...], int](), list[int]()
    for one in played.lineups.values():
        is_counted = played.places[one.place].is_contest and len(set(one.agents)) == len(one.agents)
        key = (one.place, *sorted(one.agents))
        group_of.append(numbers.setdefault(key, len(numbers)) if is_counted else -1)
    group = np.array(group_of, np.int64)[lineup]
    counted = group >= 0
    deals, games = np.unique(
        group[counted] * len(played.tasks) + np.asarray(played.task, np.int64)[counted], return_counts=True
    )
    place = np.array([key[0] for key in numbers], np.int64)[deals // max(len(played.tasks), 1)]
    seats = np.array([one.seats for one in played.places], np.int64)
    return Counter(place[games % seats[place] > 0].tolist())
