"""Matches between fixed agents: seats rotate on the same deal, and the results are counted by agent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sparring import registry
from sparring.protocols import Agent
from sparring.rollout.loop import Listener, Match, play, run_batches, run_coroutine
from sparring.rollout.match import agents_by_seat
from sparring.scoreboard.standings import Standing, faults_of, standing
from sparring.store.rows import EpisodeRow, row_of
from sparring.store.store import Store
from sparring.types import Episode, Trajectory, derive_seed

FULL_BATCH = 1024
"""Episodes that are written at once, whatever it costs."""


def seats_of(env_id: str) -> list[str]:
    """The seats of an environment, in order."""
    row = registry.envs.row(env_id)
    return list(row.seat_names) or [f"player_{index}" for index in range(row.seats)]


def by_name(players: Sequence[Agent]) -> dict[str, Agent]:
    """Players under their names, in order; where several have one name, the later ones are `NAME (2)` and so on."""
    agents: dict[str, Agent] = {}
    for player in players:
        names = [player.name, *(f"{player.name} ({number})" for number in range(2, len(agents) + 2))]
        agents[next(name for name in names if name not in agents)] = player
    return agents


def rotated_matches(
    env_id: str,
    agents: Sequence[str],
    episodes: int,
    seed: int,
    prefix: str = "match",
    group: str | None = None,
    env_kwargs: dict[str, object] | None = None,
) -> list[Match]:
    """Matches in which agents, by name, move on by one seat from game to game and meet every deal in every seat."""
    seats = seats_of(env_id)
    if len(agents) != len(seats):
        raise ValueError(_wrong_number(env_id, seats, agents))
    matches = []
    for index in range(episodes):
        turned = [agents[(place + index) % len(seats)] for place in range(len(seats))]
        deal = derive_seed(seed, env_id, "deal", index // len(seats))
        name, seated = f"{prefix}/{env_id}/{index}", dict(zip(seats, turned, strict=True))
        matches.append(Match(name, env_id, seated, deal, env_kwargs or {}, task=f"{env_id}/{deal}", group=group))
    return matches


def round_robin(
    env_id: str, agents: Mapping[str, Agent], episodes: int, seed: int, env_kwargs: dict[str, object] | None = None
) -> list[Match]:
    """As many games of every group of agents as there are seats, on the same deals.

    Episode ids hold the agents (with the weights of models), the settings and the seed, so that what a store holds
    already is not played again. Raises ValueError for too few agents, and for one that is named twice among many.
    """
    seats = seats_of(env_id)
    if len(agents) < len(seats):
        raise ValueError(_wrong_number(env_id, seats, list(agents)))
    names = [identity(agent) for agent in agents.values()]
    if len(agents) > len(seats) and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        how = f"{env_id} has one seat, in which every agent plays alone"
        if len(seats) > 1:
            how = "in a round robin every agent plays every other one once"
        raise ValueError(f"{how}: {twice!r} is named twice; name each agent once")
    settings = "".join(f":{name}={value}" for name, value in sorted((env_kwargs or {}).items()))
    matches = []
    for group in combinations(agents, len(seats)):
        prefix = f"{','.join(identity(agents[name]) for name in group)}/{seed}{settings}"
        matches += rotated_matches(env_id, group, episodes, seed, prefix, env_kwargs=env_kwargs)
    return matches


def _wrong_number(env_id: str, seats: Sequence[str], agents: Sequence[str]) -> str:
    """`G has 2 seats (a, b), got 1 agent`."""
    has = f"{len(seats)} seat{'s' * (len(seats) != 1)}"
    return f"{env_id} has {has} ({', '.join(seats)}), got {len(agents)} agent{'s' * (len(agents) != 1)}"


def play_matches(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store | None = None,
    on_event: Listener | None = None,
) -> list[Episode]:
    """The episodes of all matches, in order, stored as they come where there is a store. People play one at a time."""
    if store is None:
        return play(matches, agents, _concurrency(agents), on_event)
    return play_missing(matches, agents, store, _concurrency(agents), on_event)


@dataclass(frozen=True, slots=True)
class Played:
    """What is left of matches that were played: a row each, in order, and the faults."""

    rows: list[EpisodeRow]
    faults: list[str]
    """Every episode that broke off, as "id: status: error"."""


def play_rows(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store | None = None,
    on_event: Listener | None = None,
) -> Played:
    """Like `play_matches`, for any number of matches: memory holds a few episodes at a time."""
    rows: dict[str, EpisodeRow] = {}
    faults: list[str] = []

    def keep(episodes: Iterable[Episode]) -> None:
        for episode in episodes:
            rows[episode.id] = row_of(episode)
            faults.extend(faults_of([episode]))

    if store is None:
        run_coroutine(_play_all(matches, agents, _concurrency(agents), on_event, keep))
    else:
        store_missing(matches, agents, store, _concurrency(agents), on_event, keep)
    return Played([rows[match.id] for match in matches], sorted(faults))


def _concurrency(agents: Mapping[str, Agent]) -> int:
    """People play one game at a time."""
    return 1 if any(agent.name == "human" for agent in agents.values()) else 256


async def _play_all(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    concurrency: int,
    on_event: Listener | None,
    keep: Callable[[Sequence[Episode]], None],
) -> None:
    if matches:
        async for batch in run_batches(matches, agents, max(1, min(concurrency, len(matches))), on_event):
            keep(batch)


def head_to_head(
    env_id: str,
    players: Sequence[Agent],
    episodes: int,
    seed: int,
    on_event: Listener | None = None,
    store: Store | None = None,
) -> list[Episode]:
    """Play players against each other: a round robin where there are more of them than seats."""
    agents = by_name(players)
    return play_matches(round_robin(env_id, agents, episodes, seed), agents, store, on_event)


def identity(player: Agent) -> str:
    """What tells a player's games from those of others: its name, and its weights where it has any."""
    versions = "+".join(policy.weights_version for policy in player.policies)
    return f"{player.name}@{versions}" if versions else player.name


def play_missing(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store,
    concurrency: int = 256,
    on_event: Listener | None = None,
) -> list[Episode]:
    """The episodes of all matches, in order; those that the store does not hold are played, and stored as they finish.

    An interruption loses only what was still being played. Raises ValueError, before the first game, where the store
    holds the episode of another match under an id.
    """
    episodes = stored_episodes(matches, agents, store)
    missing = [match for match in matches if match.id not in episodes]

    def keep(batch: Sequence[Episode]) -> None:
        episodes.update((episode.id, episode) for episode in batch)

    _play_into(store, missing, agents, concurrency, on_event, keep)
    return [episodes[match.id] for match in matches]


def store_missing(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store,
    concurrency: int = 256,
    on_event: Listener | None = None,
    keep: Callable[[Sequence[Episode]], None] = lambda episodes: None,
) -> None:
    """Like `play_missing`, for any number of matches: episodes are in the store, and memory holds a few at a time.

    `keep` sees every episode once, those that were stored already first.
    """
    known: set[str] = set()
    for start in range(0, len(matches), FULL_BATCH):
        stored = stored_episodes(matches[start : start + FULL_BATCH], agents, store)
        known.update(stored)
        keep(list(stored.values()))
    missing = [match for match in matches if match.id not in known]
    _play_into(store, missing, agents, concurrency, on_event, keep)


def _play_into(
    store: Store,
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    concurrency: int,
    on_event: Listener | None,
    keep: Callable[[Sequence[Episode]], None],
) -> None:
    writer = _Writer(store)

    def write(batch: Sequence[Episode]) -> None:
        writer.add(batch)
        keep(batch)

    try:
        run_coroutine(_play_all(matches, agents, concurrency, on_event, write))
    finally:
        writer.flush()


def stored_episodes(matches: Iterable[Match], agents: Mapping[str, Agent], store: Store) -> dict[str, Episode]:
    """What the store holds of these matches, by id. Raises ValueError where it is the episode of another match."""
    wanted, named = {match.id: match for match in matches}, dict(agents)
    known = store.known(wanted)
    stored = store.get_many(id for id in wanted if id in known)
    for id, episode in stored.items():
        difference = _difference(wanted[id], agents_by_seat(wanted[id], named), episode)
        if difference is not None:
            raise ValueError(f"{store.path} holds another episode under the id {id!r}: {difference}; use another store")
    return stored


class _Writer:
    """Stores batches as they come; a batch waits a moment where writing would take more time than playing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Episode] = []
        self._not_before = 0.0

    def add(self, batch: Sequence[Episode]) -> None:
        self._waiting += batch
        if len(self._waiting) >= FULL_BATCH or time.perf_counter() >= self._not_before:
            self.flush()

    def flush(self) -> None:
        started = time.perf_counter()
        self._store.append(self._waiting)
        self._waiting = []
        self._not_before = time.perf_counter() + 4 * (time.perf_counter() - started)


def _difference(match: Match, agents: Mapping[str, Agent], episode: Episode) -> str | None:
    """Why an episode is not one of this match, in words; `agents`: by seat."""
    pairs: list[tuple[str, object, object]] = [
        ("environment", episode.env_id, match.env_id),
        ("version", episode.env_version, registry.envs.row(match.env_id).version),
        ("settings", dict(episode.env_kwargs), dict(match.env_kwargs)),
        ("seed", episode.seed, match.seed),
        ("sample", episode.sample, match.sample),
        ("seats", sorted(episode.trajectories), sorted(match.agents)),
    ]
    for seat, agent in agents.items():
        if seat in episode.trajectories:
            trajectory = episode.trajectories[seat]
            pairs.append((f"agent of {seat}", trajectory.agent, agent.name))
            pairs += _other_calls(seat, trajectory, agent)
    return next((f"{name} {stored!r}, now {now!r}" for name, stored, now in pairs if stored != now), None)


def _other_calls(seat: str, trajectory: Trajectory, agent: Agent) -> Iterator[tuple[str, object, object]]:
    """The first call that the agent would not make now: by other weights, or sampled otherwise."""
    if agent.policies and trajectory.turns and not any(turn.calls for turn in trajectory.turns):
        yield f"policy of {seat}", (), agent.policies
    for _, call in trajectory.calls:
        if call.policy not in agent.policies:
            yield f"policy of {seat}", call.policy, agent.policies
            return
        if call.sampling != agent.sampling:
            yield f"sampling of {seat}", call.sampling, agent.sampling
            return


def standings_by_agent(episodes: Sequence[Episode | EpisodeRow], players: Sequence[Agent]) -> list[Standing]:
    """How each player did over all its games of a round robin, the highest mean reward first."""
    rows = _rows(episodes)
    standings = []
    for player in players:
        sides = [(row, seat) for row in rows for seat, name in row.agents.items() if name == player.name]
        others = None if len(rows[0].agents) == 1 else f"{len(players) - 1} others"
        standings.append(standing(rows[0].env_id, player.name, others, sides))
    return sorted(standings, key=lambda one: -one.reward.value if one.reward.n else math.inf)


def standing_by_place(episodes: Sequence[Episode | EpisodeRow], players: Sequence[Agent]) -> list[Standing]:
    """How each player did in matches of `rotated_matches`, in the order of the players; equal names are told apart."""
    rows = _rows(episodes)
    seats, standings = list(rows[0].agents), []
    for place, player in enumerate(players):
        sides = [(row, seats[(place - index) % len(seats)]) for index, row in enumerate(rows)]
        others = ", ".join(other.name for rank, other in enumerate(players) if rank != place)
        standings.append(standing(rows[0].env_id, player.name, others or None, sides))
    return standings


def _rows(episodes: Sequence[Episode | EpisodeRow]) -> list[EpisodeRow]:
    return [one if isinstance(one, EpisodeRow) else row_of(one) for one in episodes]
