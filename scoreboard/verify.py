"""Plays every stored episode again and says which ones did not happen as recorded.

The environment is built from (id, kwargs, version), reset with the seed and stepped with the recorded actions; every
observation, legality, reward and reward part must come out the same. What the agents thought is not played again: the
log-probabilities are the agents' word, the scores are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from sparring import registry
from sparring.content import canonical_json
from sparring.faults import ServerFailed
from sparring.kinds import require_kind
from sparring.plurals import number_of
from sparring.protocols import Seat
from sparring.rollout.loop import Match, play
from sparring.rollout.match import MOST_STEPS
from sparring.rollout.recording import STEP_CAP
from sparring.scoreboard.differences import NO_ENVIRONMENT, NO_SEAT, NO_SERVER, Fault, differ, first_difference
from sparring.scoreboard.matches import seats_of
from sparring.store.rows import DamagedEpisode, DamagedStore, EpisodeRow, summary
from sparring.store.store import Store
from sparring.types import Episode, Observation, Policy, Reply, Sampling, Seen, Turn

CHUNK = 512
CONCURRENCY = 8
Problem = tuple[str, str]
"""What a fault is called, and what it says."""
Progress = Callable[[int, int], None]
"""Called with (episodes verified, episodes stored)."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a verification found."""

    episodes: int
    turns: int
    broken_off: int
    """Episodes that an error ended, verified as far as they went."""
    faults: tuple[Fault, ...]
    root: str
    seconds: float

    @property
    def not_compared(self) -> tuple[Fault, ...]:
        """The faults of episodes that could not be played again: no environment, or no server."""
        return tuple(fault for fault in self.faults if not fault.compared)

    @property
    def ok(self) -> bool:
        """Whether every episode came out as recorded, and at least one had come to its end.

        Of an episode that a fault broke off only the turns before the fault can be played again. Where there is no
        other, nothing that anybody scored has been checked.
        """
        return not self.faults and self.broken_off < self.episodes


def verify(store: Store, progress: Progress | None = None) -> VerifyResult:
    """Re-execute all episodes of a store; faults are collected, never raised. Raises TypeError for what is no store."""
    require_kind("store", store, Store, "an open Store (`with Store(path) as store`)")
    started, (total, root) = time.perf_counter(), store.extent()
    faults: list[Fault] = []
    episodes = turns = broken_off = 0
    found = islice(store.scan(), total)
    blobs: dict[str, str | None] = {}
    while chunk := list(islice(found, CHUNK)):
        faults += verify_episodes(chunk)
        faults += _blob_faults(store, chunk, blobs)
        episodes += len(chunk)
        turns += sum(sum(row.turns.values()) for row, _ in chunk)
        broken_off += sum(not row.sound for row, _ in chunk)
        if progress is not None:
            progress(episodes, total)
    faults += [Fault("", "damaged", problem) for problem in store.damage()]
    seconds = time.perf_counter() - started
    return VerifyResult(episodes, turns, broken_off, tuple(faults), root, seconds)


def _blob_faults(
    store: Store, found: Iterable[tuple[EpisodeRow, Episode | DamagedEpisode]], problems: dict[str, str | None]
) -> list[Fault]:
    """Images and arrays that the store has lost, or holds otherwise; `problems` remembers what was read."""
    faults = []
    for row, episode in found:
        for blob in episode.blobs if isinstance(episode, Episode) else ():
            if blob.sha256 not in problems:
                problems[blob.sha256] = _blob_problem(store, blob.sha256)
            problem = problems[blob.sha256]
            if problem is not None:
                faults.append(Fault(row.id, "damaged", problem))
    return faults


def _blob_problem(store: Store, sha256: str) -> str | None:
    try:
        store.blob(sha256)
    except (KeyError, DamagedStore, OSError) as error:
        return str(error.args[0] if error.args else error)
    return None


def verify_episodes(found: Iterable[tuple[EpisodeRow, Episode | DamagedEpisode]]) -> list[Fault]:
    """The faults among rows and their episodes, in order; at most one an episode."""
    faults: dict[str, Fault | None] = {}
    playable: dict[str, Episode] = {}
    problems: dict[tuple[str, str, str], Problem | None] = {}
    for row, episode in found:
        if isinstance(episode, DamagedEpisode):
            faults[row.id] = Fault(row.id, "damaged", str(episode))
            continue
        faults[row.id] = _index_fault(row, episode) or environment_fault(episode, problems) or _seat_fault(episode)
        if faults[row.id] is None and not _never_started(episode):
            playable[row.id] = episode
    for again in play_again(list(playable.values())):
        faults[again.id] = first_difference(playable[again.id], again)
    return [fault for fault in faults.values() if fault is not None]


@dataclass(slots=True)
class _Recorded:
    """An agent that plays what a trajectory holds, then has no more to say."""

    name: str
    turns: tuple[Turn, ...] = field(repr=False)
    policies: tuple[Policy, ...] = ()
    sampling: Sampling | None = None

    def open(self, seat: Seat) -> Self:
        return self

    def close(self, last: Seen | None) -> None:
        """Nothing is held open."""

    async def act(self, observation: Observation) -> Reply:
        if observation.turn >= len(self.turns):
            raise IndexError(f"nothing is recorded after {number_of(len(self.turns), 'action')} of {self.name}")
        turn = self.turns[observation.turn]
        return Reply(turn.action, turn.calls)


def play_again(episodes: Sequence[Episode]) -> list[Episode]:
    """Play the recorded actions of episodes with different ids; where the environment asks for more, it breaks off."""
    agents = {
        f"{episode.id}/{seat}": _Recorded(trajectory.agent, trajectory.turns)
        for episode in episodes
        for seat, trajectory in episode.trajectories.items()
    }
    return play(map(_rematch, episodes), agents, CONCURRENCY)


def _rematch(episode: Episode) -> Match:
    agents = {seat: f"{episode.id}/{seat}" for seat in episode.trajectories}
    capped = any(trajectory.stop_reason == STEP_CAP for trajectory in episode.trajectories.values())
    most = len(episode.turns) if capped else MOST_STEPS
    return Match(episode.id, episode.env_id, agents, episode.seed, episode.env_kwargs, max_steps=most)


def _index_fault(row: EpisodeRow, episode: Episode) -> Fault | None:
    names = {"env_id": episode.env_id, "status": episode.status, "group": episode.group, "task": episode.task}
    for name, value in {**names, **summary(episode)}.items():
        indexed = getattr(row, name)
        if differ(indexed, value):
            return Fault(row.id, "index", f"{name} is {indexed!r} in the index, {value!r} in the episode")
    return None


def environment_fault(episode: Episode, problems: dict[tuple[str, str, str], Problem | None]) -> Fault | None:
    """Why the environment cannot be built; `problems` remembers it by id, version and kwargs."""
    kwargs = canonical_json(dict(episode.env_kwargs)) if episode.env_kwargs else ""
    key = (episode.env_id, episode.env_version, kwargs)
    if key not in problems:
        problems[key] = _build_problem(episode)
    problem = problems[key]
    return None if problem is None or _never_started(episode) else Fault(episode.id, *problem)


def _seat_fault(episode: Episode) -> Fault | None:
    """Seats of which nothing is recorded, as where one agent's trajectories alone were exported and imported."""
    lacking = [seat for seat in seats_of(episode.env_id, episode.env_kwargs) if seat not in episode.trajectories]
    return Fault(episode.id, NO_SEAT, f"nothing is recorded of {', '.join(lacking)}") if lacking else None


def _build_problem(episode: Episode) -> Problem | None:
    """What the fault is called, and what it says."""
    try:
        version = registry.envs.row(episode.env_id).version
        if version != episode.env_version:
            here = f"{episode.env_id} is version {version} here"
            return NO_ENVIRONMENT, f"{here}, recorded with version {episode.env_version}"
        registry.envs.make(episode.env_id, **episode.env_kwargs).close()
    except ServerFailed as error:
        return NO_SERVER, f"{episode.env_id} cannot be played again: {error}"
    except Exception as error:  # noqa: BLE001  (third-party constructors; the fault says what they raised)
        return NO_ENVIRONMENT, f"{episode.env_id} cannot be built: {error}"
    return None


def _never_started(episode: Episode) -> bool:
    return episode.status == "env_error" and not episode.turns
