"""The games of an update: played once, stored, and after an interruption taken from the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparring.protocols import Agent
from sparring.rollout.loop import EnvPool, Match, play
from sparring.store.store import Store
from sparring.types import Episode


def collect(matches: Iterable[Match], agents: Mapping[str, Agent], store: Store, pool: EnvPool) -> list[Episode]:
    """Play what the store does not hold yet; what an interrupted run had already played is taken from there.

    Raises RuntimeError where most of what was played failed: going on would train on nothing.
    """
    matches = list(matches)
    stored = store.get_many(store.known(match.id for match in matches))
    missing = [match for match in matches if match.id not in stored]
    played = play(missing, agents, concurrency=len(matches), pool=pool)
    store.append(played)
    _require_mostly_sound(played)
    found = stored | {episode.id: episode for episode in played}
    return [found[match.id] for match in matches]


def _require_mostly_sound(episodes: list[Episode]) -> None:
    """A few faults cost their own episodes only."""
    faults = [episode for episode in episodes if episode.error is not None]
    if len(faults) > len(episodes) / 2:
        first = faults[0]
        raise RuntimeError(
            f"{len(faults)} of {len(episodes)} episodes failed; the first: {first.id}: {first.status}: {first.error}"
        )
