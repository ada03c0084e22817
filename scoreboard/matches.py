"""Matches between fixed agents: seats rotate on the same deal, and the results are counted by agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import registry
from sparring.rollout import Match, play
from sparring.scoreboard.stats import Estimate, clustered_mean, rate
from sparring.types import Agent, Episode, derive_seed


@dataclass(frozen=True, slots=True)
class Standing:
    """What one agent got out of its games in one environment. Intervals are 95 %, clustered by deal."""

    env_id: str
    agent: str
    opponents: str
    games: int
    wins: Estimate
    draws: Estimate
    losses: Estimate
    reward: Estimate
    illegal_share: float
    """Share of its turns whose action was illegal."""


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


def standings(episodes: Sequence[Episode]) -> list[Standing]:
    """One row per environment, agent and set of opponents; episodes that broke off do not count."""
    found: dict[tuple[str, str, str], list[tuple[Episode, str]]] = {}
    for episode in episodes:
        if episode.status not in ("ok", "truncated"):
            continue
        for seat, trajectory in episode.trajectories.items():
            others = sorted(t.agent for other, t in episode.trajectories.items() if other != seat)
            found.setdefault((episode.env_id, trajectory.agent, ", ".join(others)), []).append((episode, seat))
    return [_standing(key, games) for key, games in found.items()]


def _standing(key: tuple[str, str, str], games: list[tuple[Episode, str]]) -> Standing:
    env_id, agent, opponents = key
    tasks = [episode.task or episode.id for episode, _ in games]
    leads = [_lead(episode, seat) for episode, seat in games]
    turns = [turn for episode, seat in games for turn in episode.trajectories[seat].turns]
    return Standing(
        env_id,
        agent,
        opponents,
        len(games),
        wins=rate([lead > 0 for lead in leads], tasks),
        draws=rate([lead == 0 for lead in leads], tasks),
        losses=rate([lead < 0 for lead in leads], tasks),
        reward=clustered_mean([episode.trajectories[seat].reward for episode, seat in games], tasks),
        illegal_share=sum(not turn.legal for turn in turns) / len(turns) if turns else 0.0,
    )


def _lead(episode: Episode, seat: str) -> float:
    rewards = {name: trajectory.reward for name, trajectory in episode.trajectories.items()}
    own = rewards.pop(seat)
    return own - max(rewards.values(), default=0.0)
