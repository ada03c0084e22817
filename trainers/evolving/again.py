"""DERIVE: matches that come from trajectories, which are named as their parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.trainers.evolving.rows import Row

if TYPE_CHECKING:
    from sparring.trainers.evolving.evolving import Evolving


def require_one_seat(method: str, games: Sequence[str]) -> None:
    """Raises ValueError for an environment of several seats: whose attempt would be made again?"""
    for game in games:
        if len(seats_of(game)) > 1:
            raise ValueError(f"{method} needs environments of one seat, {game} has {len(seats_of(game))}")


def again(
    method: Evolving[Any], update: int, rows: Sequence[Row], agent: str, relation: str, times: int = 1
) -> Iterator[Match]:
    """The task of each row once more, by an agent; the randomness is another than that of every attempt before."""
    for place, row in enumerate(rows):
        for time in range(times):
            yield replace(
                derived(method, update, place * times + time, row, agent, relation),
                sample=row.episode.sample + (update + 1) * 1000 + time,
            )


def derived(method: Evolving[Any], update: int, index: int, row: Row, agent: str, relation: str) -> Match:
    """The index-th match of an update: an agent in the seat of a row, at its task."""
    episode, seat = row.episode, row.trajectory.seat
    return Match(
        f"update-{update}/{index}",
        episode.env_id,
        {seat: agent},
        episode.seed,
        episode.env_kwargs,
        sample=episode.sample,
        task=episode.task,
        group=f"update-{update}",
        parents={seat: ((relation, row.trajectory.id),)},
    )


def about(
    method: Evolving[Any],
    update: int,
    env_id: str,
    asked: Sequence[tuple[Row, Mapping[str, object]]],
    agent: str,
    relation: str,
) -> Iterator[Match]:
    """An environment that shows an attempt, for each of some rows with what the environment is told of it."""
    for index, (row, kwargs) in enumerate(asked):
        match = derived(method, update, index, row, agent, relation)
        seat = seats_of(env_id)[0]
        yield replace(
            match,
            env_id=env_id,
            env_kwargs=kwargs,
            agents={seat: agent},
            parents={seat: match.parents[row.trajectory.seat]},
        )


def parent_of(match: Match) -> str:
    """The trajectory that a derived match comes from, by id."""
    ((_, parent),) = next(iter(match.parents.values()))
    return parent
