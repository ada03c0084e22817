"""Matches whose episodes a store keeps: what it holds is not played again, what is played is stored as it finishes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sparring import registry
from sparring.protocols import Agent
from sparring.rollout.loop import Event, Listener, Match, run_batches, run_coroutine
from sparring.rollout.match import agents_by_seat
from sparring.rollout.pool import Pool
from sparring.store.store import Store
from sparring.types import Episode, Trajectory

FULL_BATCH = 1024
"""Episodes that are written at once, whatever it costs."""


def play_missing(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store,
    concurrency: int = 256,
    on_event: Listener | None = None,
    pool: Pool | None = None,
) -> list[Episode]:
    """The episodes of all matches, in order; those that the store does not hold are played, and stored as they finish.

    An interruption, SIGKILL included, loses only what was still being played and what finished within the last moment:
    `on_event` hears that a match is done when its episode is on disk. Raises ValueError, before the first game, where
    the store holds the episode of another match under an id. `pool`: where they are played, in place of this process.
    """
    episodes = stored_episodes(matches, agents, store)
    missing = [match for match in matches if match.id not in episodes]

    def keep(batch: Sequence[Episode]) -> None:
        episodes.update((episode.id, episode) for episode in batch)

    _play_into(store, missing, agents, concurrency, on_event, keep, pool)
    return [episodes[match.id] for match in matches]


def store_missing(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    store: Store,
    concurrency: int = 256,
    on_event: Listener | None = None,
    keep: Callable[[Sequence[Episode]], None] = lambda episodes: None,
    pool: Pool | None = None,
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
    _play_into(store, missing, agents, concurrency, on_event, keep, pool)


def _play_into(
    store: Store,
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    concurrency: int,
    on_event: Listener | None,
    keep: Callable[[Sequence[Episode]], None],
    pool: Pool | None,
) -> None:
    writer = _Writer(store, {match.id: match for match in matches}, on_event, keep)
    try:
        run_coroutine(play_all(matches, agents, concurrency, writer.hear, writer.add, pool))
    finally:
        writer.close()


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
    """Stores batches as they come; a batch waits a moment where writing would take more time than playing.

    Who listens hears that a match is done when its episode is on disk.
    """

    def __init__(
        self,
        store: Store,
        matches: Mapping[str, Match],
        on_event: Listener | None,
        keep: Callable[[Sequence[Episode]], None],
    ) -> None:
        """`matches`: by id. `keep`: sees every batch that is stored."""
        self._store, self._matches, self._on_event, self._keep = store, matches, on_event, keep
        self._waiting: list[Episode] = []
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        """What went wrong while nobody could be told."""

    def hear(self, event: Event) -> None:
        """Pass on what happens while a match is played."""
        if self._on_event is not None and event.kind != "done":
            self._on_event(event)

    def add(self, batch: Sequence[Episode]) -> None:
        """Store a batch now, or when the moment is over; called inside the event loop."""
        self._raise()
        self._waiting += batch
        wait = self._not_before - time.perf_counter()
        if len(self._waiting) >= FULL_BATCH or wait <= 0:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._flush_late)

    def close(self) -> None:
        """Store what still waits."""
        self._raise()
        self._flush()

    def _flush_late(self) -> None:
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001  (raised by the next call)
            self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        started, batch = time.perf_counter(), self._waiting
        self._store.append(batch)
        self._waiting = []
        self._not_before = time.perf_counter() + 4 * (time.perf_counter() - started)
        self._keep(batch)
        if self._on_event is not None:
            for episode in batch:
                self._on_event(Event("done", self._matches[episode.id], episode=episode))


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


async def play_all(
    matches: Sequence[Match],
    agents: Mapping[str, Agent],
    concurrency: int,
    on_event: Listener | None,
    keep: Callable[[Sequence[Episode]], None],
    pool: Pool | None = None,
) -> None:
    """Play matches, at most `concurrency` in play, and hand what finishes to `keep`."""
    if matches:
        async for batch in run_batches(matches, agents, max(1, min(concurrency, len(matches))), on_event, pool):
            keep(batch)
