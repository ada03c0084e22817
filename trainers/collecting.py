"""The games of an update: played once, stored, and after an interruption taken from the store."""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.plurals import number_of
from sparring.protocols import Agent
from sparring.rollout.loop import Match, play
from sparring.rollout.pool import Pool
from sparring.store.store import Store
from sparring.trainers.data.guards import trained
from sparring.trainers.progress import GamesHeard, Hear
from sparring.types import Episode

logger = logging.getLogger(__name__)


def collect(
    matches: Iterable[Match],
    agents: Mapping[str, Agent],
    store: Store,
    pool: Pool,
    hear: Hear | None = None,
    what: str = "playing",
) -> list[Episode]:
    """Play what the store does not hold yet; what an interrupted run had already played is taken from there.

    `hear` is told how far it is, under the name `what`.

    Raises RuntimeError where most of what was played failed: going on would train on nothing. Nothing of it is stored
    then, so that a resumed run plays it again.
    """
    games = Games.of(matches, store)
    heard = GamesHeard(what, len(games.stored), len(games.matches), hear) if hear else None
    return games.kept(play(games.missing, agents, concurrency=len(games.matches), on_event=heard, pool=pool))


@dataclass(frozen=True, slots=True)
class Games:
    """Matches, and those of them that a store held already."""

    matches: Sequence[Match]
    stored: Mapping[str, Episode]
    store: Store

    @classmethod
    def of(cls, matches: Iterable[Match], store: Store) -> Games:
        """Look them up."""
        matches = list(matches)
        return cls(matches, store.get_many(store.known(match.id for match in matches)), store)

    @property
    def missing(self) -> list[Match]:
        """Those that are to be played."""
        return [match for match in self.matches if match.id not in self.stored]

    def kept(self, played: list[Episode]) -> list[Episode]:
        """Store what was missing; returns all, in the order of the matches. Raises RuntimeError, see `collect`."""
        _require_mostly_sound(played)
        self.store.append(played)
        found = {**self.stored, **{episode.id: episode for episode in played}}
        episodes = [found[match.id] for match in self.matches]
        _warn_of_faults(episodes, self.store)
        return episodes


def require_finite_rewards(episodes: Sequence[Episode]) -> None:
    """Raises ValueError: one reward that is not finite would spoil every advantage of a batch, and baselines."""
    for _, trajectory in trained(episodes):
        if not math.isfinite(trajectory.reward):
            raise ValueError(f"trajectory {trajectory.id} has a reward that is not finite: {trajectory.reward}")


def _warn_of_faults(episodes: Sequence[Episode], store: Store) -> None:
    """Say which episode broke off first, why, and where it stands: metrics only count them."""
    faults = [episode for episode in episodes if episode.error is not None]
    if faults:
        first = faults[0]
        run = store.path.parent if isinstance(store.path, Path) else store.path
        logger.warning(
            "%d of %d episodes broke off and are left out; the first: %s: %s: %s; see: sparring replay %s %s",
            *(len(faults), len(episodes), first.id, first.status, " ".join((first.error or "").split())[:300]),
            *(shlex.quote(str(run)), shlex.quote(first.id)),
        )


def _require_mostly_sound(episodes: list[Episode]) -> None:
    """A few faults cost their own episodes only."""
    faults = [episode for episode in episodes if episode.error is not None]
    if len(faults) > len(episodes) / 2:
        first = faults[0]
        raise RuntimeError(
            f"{len(faults)} of {number_of(len(episodes), 'episode')} failed; the first: {first.id}: {first.status}: "
            f"{first.error}"
        )
