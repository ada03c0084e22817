"""Leaderboards out of comparisons: one over everything, one a family, a skill and an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sparring.scoreboard.board.checkpoints import walk_of
from sparring.scoreboard.board.comparisons import Comparisons
from sparring.scoreboard.board.equilibria import Equilibrium, equilibria
from sparring.scoreboard.board.places import Place, groups_of
from sparring.scoreboard.board.whole_games import Ended, Ranked, whole_games
from sparring.scoreboard.columns import Ints, distinct
from sparring.scoreboard.ranged_means import mean_of_tasks_within
from sparring.scoreboard.ratings.davidson import Ratings, fit, rank_ranges
from sparring.scoreboard.ratings.games import Games
from sparring.scoreboard.stats import Estimate, bounded_mean_of_tasks

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One agent on one leaderboard."""

    agent: str
    component: int
    """Agents of different ones never met, not even through others: their ratings cannot be compared."""
    elo: float
    low: float
    high: float
    """The 95 % interval; infinite on the side where an agent never lost, or never won."""
    best: int
    worst: int
    """The ranks that the data leave open, among its component."""
    comparisons: int
    tasks: int
    points: Estimate
    """Share: 1 for a win, half for a draw."""
    environments: int
    """In which it played."""
    broken_off: int
    """Episodes that a fault ended while it had a seat; they are not counted."""
    illegal: float
    """Share of its turns whose action was illegal."""
    reward: Estimate | None
    """The mean of an episode; of one environment only."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one agent did against another."""

    agent: str
    opponent: str
    wins: int
    draws: int
    losses: int

    @property
    def points(self) -> float:
        """Share of the points."""
        return (self.wins + self.draws / 2) / (self.wins + self.draws + self.losses)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Agents over some environments."""

    key: str
    """all, family:NAME, skill:NAME or env:SPEC."""
    places: tuple[Place, ...]
    lines: tuple[Line, ...]
    """Best first; by component."""
    cells: tuple[Cell, ...]
    """Of every two that met, both ways round, in the order of the lines."""
    games: int
    """That came to their end."""
    different: int
    """Of these, in who sat where and what was done."""
    lopsided: int
    """Deals of contests that the same agents did not play once, or equally often, in every seat."""
    comparisons: int
    tasks: int
    draws: float
    """Share of the comparisons."""
    seat: Estimate | None
    """Elo, what the first seat is worth; None where seats are not of one kind."""
    equilibria: tuple[Equilibrium, ...]
    """In the order of the lines; empty where not everybody met everybody."""
    whole_games: tuple[Ranked, ...]
    """Of one environment with more than two seats; empty elsewhere."""

    @property
    def title(self) -> str:
        """For people."""
        kind, _, name = self.key.partition(":")
        return {"all": "Everything", "env": self.places[0].name}.get(kind, f"{name} ({kind})")


def leaderboards(found: Comparisons, equal_weight: bool = False) -> list[Leaderboard]:
    """All of them, those of everything first. Groups in which nothing is compared or played are left out.

    `equal_weight`: every environment weighs the same, however much was played in it.
    """
    boards = []
    for key, places in groups_of(found.places).items():
        board = _leaderboard(found, key, places, equal_weight)
        if board.lines:
            boards.append(board)
    return boards


def games_of(found: Comparisons) -> Games:
    """All comparisons, as the ratings take them."""
    return Games(list(found.agents), found.first, found.second, found.score, found.task, np.ones(len(found)))


def _leaderboard(found: Comparisons, key: str, places: Sequence[int], equal_weight: bool) -> Leaderboard:
    columns = _Columns.of(found, places)
    agents = distinct(np.concatenate([columns.first, columns.second, columns.seated]))[0]
    listed, order = list(found.agents), np.full(len(found.agents), -1)
    names = [listed[number] for number in agents]
    order[agents] = np.arange(len(agents))
    first, second, seated = order[columns.first], order[columns.second], order[columns.seated]
    kinds = tuple(found.places[number] for number in places)
    weight = weights_of_places(columns.place, equal_weight)
    games = Games(names, first, second, columns.score, columns.task, weight)
    one_game = len(kinds) == 1 and kinds[0].is_contest
    ratings = fit(games, walk=walk_of(names), seat=one_game)
    faults = [sum(found.faults[place, found.agents[name]] for place in places) for name in names]
    lines = _lines(ratings, games, columns, seated, kinds, faults)
    ranked = [line.agent for line in lines]
    return Leaderboard(
        key=key,
        places=kinds,
        lines=lines,
        cells=_cells(games, ranked),
        games=sum(found.games[number] for number in places),
        different=sum(found.different[number] for number in places),
        lopsided=sum(found.lopsided[number] for number in places),
        comparisons=len(games),
        tasks=len(distinct(np.concatenate([columns.task, columns.seated_task]))[0]),
        draws=float((columns.score == 0.5).mean()) if len(games) else 0.0,
        seat=ratings.seat if one_game else None,
        equilibria=tuple(sorted(equilibria(games), key=lambda one: ranked.index(one.agent))),
        whole_games=whole_games(found.ended.get(places[0], Ended()), listed) if one_game else (),
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of some places."""

    first: Ints
    second: Ints
    score: Floats
    place: Ints
    task: Ints
    seated: Ints
    seated_task: Ints
    seated_place: Ints
    reward: Floats
    illegal: Ints
    turns: Ints

    @staticmethod
    def of(found: Comparisons, places: Sequence[int]) -> _Columns:
        inside, seats = np.isin(found.place, places), found.seated
        sat = np.isin(seats.place, places)
        return _Columns(
            found.first[inside],
            found.second[inside],
            found.score[inside],
            found.place[inside],
            found.task[inside],
            seats.agent[sat],
            seats.task[sat],
            seats.place[sat],
            seats.reward[sat],
            seats.illegal[sat],
            seats.turns[sat],
        )


def weights_of_places(place: Ints, equal: bool) -> Floats:
    """1 a comparison; or so that every place has the same sum, and all together as many as there are comparisons."""
    if not equal or not len(place):
        return np.ones(len(place))
    _, where = distinct(place)
    counts = np.bincount(where)
    return np.asarray(len(place) / len(counts) / counts[where], np.float64)


def _lines(
    ratings: Ratings, games: Games, columns: _Columns, seated: Ints, kinds: Sequence[Place], faults: Sequence[int]
) -> tuple[Line, ...]:
    ranges, count = rank_ranges(ratings), len(games.agents)
    points = _points(games)
    illegal = np.bincount(seated, columns.illegal, count) / np.maximum(np.bincount(seated, columns.turns, count), 1)
    rewards = _rewards(seated, columns, kinds[0], count) if len(kinds) == 1 else [None] * count
    where = distinct(seated * len(kinds) + distinct(columns.seated_place)[1])[0] // len(kinds)
    environments = np.bincount(where, minlength=count)
    lines = [
        Line(
            agent=name,
            component=int(ratings.component[number]),
            elo=float(ratings.elo[number]),
            low=float(ratings.low[number]),
            high=float(ratings.high[number]),
            best=ranges[number][0],
            worst=ranges[number][1],
            comparisons=int(ratings.games[number]),
            tasks=points[number].clusters,
            points=points[number],
            environments=int(environments[number]),
            broken_off=faults[number],
            illegal=float(illegal[number]),
            reward=rewards[number],
        )
        for number, name in enumerate(games.agents)
    ]
    return tuple(sorted(lines, key=lambda line: (line.component, -line.elo, line.agent)))


def _points(games: Games) -> list[Estimate]:
    """The share of points of every agent, tasks clustered."""
    agent = np.concatenate([games.first, games.second])
    task = np.concatenate([games.cluster, games.cluster])
    points = np.concatenate([games.score, 1 - games.score])
    found = _by_agent_and_task(agent, task, points, len(games.agents))
    return [bounded_mean_of_tasks(sizes, means, 0.0, 1.0) for sizes, means in found]


def _rewards(seated: Ints, columns: _Columns, place: Place, count: int) -> list[Estimate | None]:
    found = _by_agent_and_task(seated, columns.seated_task, columns.reward, count)
    return [mean_of_tasks_within(sizes, means, place.reward_range) for sizes, means in found]


def _by_agent_and_task(agent: Ints, task: Ints, values: Floats, count: int) -> list[tuple[Ints, Floats]]:
    """Of every agent and each of its tasks the number of values, and their mean."""
    width = int(task.max(initial=-1)) + 1
    cell, where = distinct(agent * width + task)
    sizes = np.bincount(where)
    means = np.bincount(where, values) / sizes
    starts = np.searchsorted(cell, np.arange(count + 1) * width)
    return [(sizes[start:end], means[start:end]) for start, end in pairwise(starts.tolist())]


def _cells(games: Games, ranked: Sequence[str]) -> tuple[Cell, ...]:
    count, names = len(games.agents), list(games.agents)
    pair = games.first.astype(np.int64) * count + games.second
    outcome = np.rint(games.score * 2).astype(np.int64)
    table = np.bincount(pair * 3 + outcome, minlength=count * count * 3).reshape(count, count, 3)
    both = table + table.transpose(1, 0, 2)[:, :, ::-1]
    rank = {name: place for place, name in enumerate(ranked)}
    cells = [
        Cell(names[one], names[other], *map(int, both[one, other][::-1]))
        for one, other in zip(*np.nonzero(both.sum(axis=2)), strict=True)
        if one != other
    ]
    return tuple(sorted(cells, key=lambda cell: (rank[cell.agent], rank[cell.opponent])))
