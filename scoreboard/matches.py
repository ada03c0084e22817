"""Matches between fixed agents: seats rotate on the same deal, and the results are counted by agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sparring import registry
from sparring.rollout import Match, play
from sparring.scoreboard.records import row_of
from sparring.scoreboard.run_data import Standing, standing
from sparring.types import Agent, Episode, derive_seed


def seats_of(env_id: str) -> list[str]:
    """The seats of an environment, in order."""
    return [f"player_{index}" for index in range(registry.envs.row(env_id).seats)]


def rotated_matches(
    env_id: str,
    players: Sequence[Agent],
    episodes: int,
    seed: int,
    prefix: str = "match",
    group: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> list[Match]:
    """Matches in which the players move on by one seat from game to game and meet every deal in every seat."""
    seats = seats_of(env_id)
    if len(players) != len(seats):
        raise ValueError(f"{env_id} has {len(seats)} seats ({', '.join(seats)}), got {len(players)} agents")
    matches = []
    for index in range(episodes):
        turned = [players[(place + index) % len(seats)] for place in range(len(seats))]
        deal = derive_seed(seed, env_id, "deal", index // len(seats))
        agents = dict(zip(seats, turned, strict=True))
        name = f"{prefix}/{env_id}/{index}"
        matches.append(Match(name, env_id, agents, deal, env_kwargs or {}, task=f"{env_id}/{deal}", group=group))
    return matches


def head_to_head(
    env_id: str, players: Sequence[Agent], episodes: int, seed: int, on_episode: Callable[[Episode], None] | None = None
) -> list[Episode]:
    """Play players against each other. People play one game at a time."""
    matches = rotated_matches(env_id, players, episodes, seed)
    concurrency = 1 if any(player.name == "human" for player in players) else 256
    return play(matches, concurrency, on_episode)


def standing_by_place(episodes: Sequence[Episode], players: Sequence[Agent]) -> list[Standing]:
    """How each player did in matches of `rotated_matches`, in the order of the players; equal names are told apart."""
    seats = list(episodes[0].trajectories)
    rows = [row_of(episode) for episode in episodes]
    found = []
    for place, player in enumerate(players):
        sides = [(row, seats[(place - index) % len(seats)]) for index, row in enumerate(rows)]
        others = ", ".join(other.name for rank, other in enumerate(players) if rank != place)
        found.append(standing(episodes[0].env_id, player.name, others or None, sides))
    return found
