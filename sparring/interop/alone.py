"""One match played by itself, on the event loop of somebody else's trainer."""

from __future__ import annotations

from collections.abc import Mapping

from sparring.protocols import Agent
from sparring.rollout.hosts import Hosts
from sparring.rollout.loop import Match, play_one
from sparring.rollout.pool import EnvPool
from sparring.rollout.recording import Recording
from sparring.types import Episode


async def played(match: Match, agents: Mapping[str, Agent]) -> Episode:
    """Its episode; `agents` by seat. Raises RuntimeError where it broke off: a fault is no score."""
    pool, hosts = EnvPool(), Hosts()
    try:
        episode = await play_one(Recording(match, agents), pool, hosts)
    finally:
        await pool.close(hosts)
        hosts.close()
    if not episode.sound:
        raise RuntimeError(f"{match.id} broke off ({episode.status}, {episode.fault}): {episode.error}")
    return episode
