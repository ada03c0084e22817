"""Matches between fixed agents: seats rotate on the same deal, unless they are roles; results are counted by agent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sparring import registry
from sparring.plurals import number_of
from sparring.protocols import Agent
from sparring.rollout.loop import Listener, Match, play, run_coroutine
from sparring.rollout.pool import Pool
from sparring.scoreboard.named_files import digests, fingerprint, named_in
from sparring.scoreboard.standings import Standing, faults_of, standing
from sparring.scoreboard.stored_matches import play_all, play_missing, store_missing
from sparring.specs import spec_of
from sparring.store.rows import EpisodeRow, row_of
from sparring.store.store import Store
from sparring.types import Episode, derive_seed


def seats_of(env_id: str, env_kwargs: Mapping[str, object] | None = None) -> list[str]:
    """The seats of an environment with these options, in order."""
    row = registry.envs.row(env_id).given(env_kwargs or {})
    return list(row.seat_ids)


def by_name(players: Sequence[Agent]) -> dict[str, Agent]:
    """Players under their names, in order; where several have one name, the later ones are `NAME (2)` and so on."""
    agents: dict[str, Agent] = {}
    for player in players:
        names = [player.name, *(f"{player.name} ({number})" for number in range(2, len(agents) + 2))]
        agents[next(name for name in names if name not in agents)] = player
    return agents


def turns_of(env_id: str, seats: int) -> int:
    """In how many ways agents are seated: as many as there are seats, or one where the seats are roles."""
    return 1 if registry.envs.row(env_id).roles else seats


def rotated_matches(
    env_id: str,
    agents: Sequence[str],
    episodes: int,
    seed: int,
    prefix: str = "match",
    group: str | None = None,
    env_kwargs: dict[str, object] | None = None,
) -> list[Match]:
    """Matches in which agents, by name, move on by one seat from game to game and meet every deal in every seat.

    Where the seats are roles, every agent keeps its own, and every game has a deal of its own.
    """
    seats = seats_of(env_id, env_kwargs)
    if len(agents) != len(seats):
        raise ValueError(_wrong_number(env_id, seats, agents))
    matches, rotation = [], turns_of(env_id, len(seats))
    for index in range(episodes):
        turned = [agents[(place + index % rotation) % len(seats)] for place in range(len(seats))]
        deal = derive_seed(seed, env_id, "deal", index // rotation)
        name, seated = f"{prefix}/{env_id}/{index}", dict(zip(seats, turned, strict=True))
        matches.append(Match(name, env_id, seated, deal, env_kwargs or {}, task=f"{env_id}/{deal}", group=group))
    return matches


def round_robin(
    env_id: str, agents: Mapping[str, Agent], episodes: int, seed: int, env_kwargs: dict[str, object] | None = None
) -> list[Match]:
    """As many games of every group of agents as there are seats, on the same deals.

    Episode ids hold the agents (with the weights of models), the settings, the seed, and a fingerprint of the files
    that agents and settings name: what a store holds already is not played again, and nothing else passes for it.
    Raises ValueError for too few agents, and for one that is named twice among many.
    """
    seats = seats_of(env_id, env_kwargs)
    if len(agents) < len(seats):
        raise ValueError(_wrong_number(env_id, seats, list(agents)))
    names = [identity(agent) for agent in agents.values()]
    if len(agents) > len(seats) and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        how = f"{env_id} has one seat, in which every agent plays alone"
        if len(seats) > 1:
            how = "in a round robin every agent plays every other one once"
        raise ValueError(f"{how}: {twice!r} is named twice; name each agent once")
    settings = settings_identity(env_id, env_kwargs or {})
    matches = []
    for group in combinations(agents, len(seats)):
        prefix = f"{','.join(identity(agents[name]) for name in group)}/{seed}{settings}"
        matches += rotated_matches(env_id, group, episodes, seed, prefix, env_kwargs=env_kwargs)
    return matches


def _wrong_number(env_id: str, seats: Sequence[str], agents: Sequence[str]) -> str:
    """`G has 2 seats (a, b), got 1 agent`."""
    has, got = number_of(len(seats), "seat"), number_of(len(agents), "agent")
    return f"{env_id} has {has} ({', '.join(seats)}), got {got}"


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
    pool: Pool | None = None,
) -> Played:
    """Like `play_matches`, for any number of matches: memory holds a few episodes at a time. `pool`: where to play."""
    rows: dict[str, EpisodeRow] = {}
    faults: list[str] = []

    def keep(episodes: Iterable[Episode]) -> None:
        for episode in episodes:
            rows[episode.id] = row_of(episode)
            faults.extend(faults_of([episode]))

    if store is None:
        run_coroutine(play_all(matches, agents, _concurrency(agents), on_event, keep, pool))
    else:
        store_missing(matches, agents, store, _concurrency(agents), on_event, keep, pool)
    return Played([rows[match.id] for match in matches], sorted(faults))


def _concurrency(agents: Mapping[str, Agent]) -> int:
    """People play one game at a time."""
    return 1 if any(agent.name == "human" for agent in agents.values()) else 256


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
    """What tells a player's games from those of others: its name, its weights where it has any, and what stands in the
    files that its options name, such as a prompt template, or that are its program.
    """
    versions = "+".join(policy.weights_version for policy in player.policies)
    template = getattr(getattr(player, "template", None), "sha256", "")
    named = [*named_in(player.name), *getattr(player, "files", ())]
    read = digests(named) | ({template} if template else set())
    return player.name + (f"@{versions}" if versions else "") + fingerprint(read)


def settings_identity(env_id: str, env_kwargs: Mapping[str, object]) -> str:
    """An environment's options as in a spec, and what stands in the files that they name, such as a table of words."""
    return spec_of("", env_kwargs) + fingerprint(digests([*named_in(env_id), *env_kwargs.values()]))


def standings_by_agent(episodes: Sequence[Episode | EpisodeRow], players: Sequence[Agent]) -> list[Standing]:
    """How each player did over all its games of a round robin, the highest mean reward first."""
    rows = _rows(episodes)
    standings = []
    for player in players:
        sides = [(row, seat) for row in rows for seat, name in row.agents.items() if name == player.name]
        others = None if len(rows[0].agents) == 1 else number_of(len(players) - 1, "other")
        standings.append(standing(rows[0].env_id, player.name, others, sides))
    return sorted(standings, key=lambda one: -one.reward.value if one.reward.n else math.inf)


def standing_by_place(episodes: Sequence[Episode | EpisodeRow | None], players: Sequence[Agent]) -> list[Standing]:
    """How each player did in matches of `rotated_matches`, in the order of the players; equal names are told apart.

    `episodes`: of all matches in order; None for one that was not played. At least one was.
    """
    rows = [(index, row_of(one) if isinstance(one, Episode) else one) for index, one in enumerate(episodes) if one]
    seats, env_id, standings = list(rows[0][1].agents), rows[0][1].env_id, []
    rotation = turns_of(env_id, len(seats))
    for place, player in enumerate(players):
        sides = [(row, seats[(place - index % rotation) % len(seats)]) for index, row in rows]
        others = ", ".join(other.name for rank, other in enumerate(players) if rank != place)
        standings.append(standing(env_id, player.name, others or None, sides))
    return standings


def _rows(episodes: Sequence[Episode | EpisodeRow]) -> list[EpisodeRow]:
    return [one if isinstance(one, EpisodeRow) else row_of(one) for one in episodes]
