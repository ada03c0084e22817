"""An episode as one line of canonical JSON, and the light row that the index keeps of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from sparring.content import canonical_json
from sparring.encoding import episode_from_dict, episode_to_json
from sparring.samples import generated_tokens
from sparring.types import SOUND, Episode, Parents, record

TIMES_IN_LINE = re.compile(rb'"(?:agent_seconds|env_seconds)":[^,}]*,')
"""Two in every turn; more where plain data has such keys."""


class DamagedStore(Exception):
    """What is on disk is not what was written."""


class DamagedEpisode(DamagedStore):
    """A stored episode cannot be read back as it was written."""

    def __init__(self, episode_id: str, where: str, reason: str) -> None:
        super().__init__(f"episode {episode_id!r} in {where} is damaged: {reason}")
        self.episode_id, self.where, self.reason = episode_id, where, reason


@record
class EpisodeRow:
    """What can be asked of an episode without decoding it; the mappings are by seat."""

    position: int
    """1 for the first episode of the store, without gaps."""
    id: str
    env_id: str
    status: str
    group: str | None
    task: str | None
    seed: int
    hash: str
    agents: Mapping[str, str]
    trainable: Mapping[str, bool]
    """Whether weights that learn made any of the seat's calls."""
    rewards: Mapping[str, float]
    payoffs: Mapping[str, float]
    """The part of the reward that the game paid; penalties for illegal actions are left out."""
    turns: Mapping[str, int]
    illegal: Mapping[str, int]
    """Turns whose action was illegal."""
    tokens: Mapping[str, int]
    """Generated tokens."""
    sample: int = 0
    fault: str | None = None
    parents: Mapping[str, Parents] = field(default_factory=dict)
    env_kwargs: Mapping[str, object] = field(default_factory=dict)
    """The environment's settings, not by seat."""
    line: str = ""
    """Of who did what, in order: SHA-256 over seats and actions, its first 16 hex digits; not by seat."""

    @property
    def sound(self) -> bool:
        """Whether it came to an end that the environment declared."""
        return self.status in SOUND


class Summary(TypedDict):
    """What an `EpisodeRow` says besides names and hash, as the index keeps it."""

    seed: int
    sample: int
    fault: str | None
    agents: Mapping[str, str]
    trainable: Mapping[str, bool]
    rewards: Mapping[str, float]
    payoffs: Mapping[str, float]
    turns: Mapping[str, int]
    illegal: Mapping[str, int]
    tokens: Mapping[str, int]
    parents: Mapping[str, Parents]
    env_kwargs: Mapping[str, object]
    line: str


@dataclass(frozen=True, slots=True)
class Record:
    """An episode ready to be written."""

    episode: Episode
    line: bytes
    hash: str
    summary: Summary


def encode(episode: Episode) -> Record:
    """The record of an episode. Raises TypeError where it holds something that JSON would not give back.

    One thing JSON changes: two surrogates that stand for a character come back as that character.
    """
    try:
        for mapping in filter(None, _free_mappings(episode)):
            _require_string_keys(mapping)
        line = episode_to_json(episode).encode()
    except TypeError as error:
        raise TypeError(f"episode {episode.id!r} cannot be stored: {error}") from error
    return Record(episode, line, _line_hash(line, episode), summary(episode))


def decode(line: bytes, expected_hash: str) -> Episode:
    """The episode of a line. Raises ValueError if the line is not JSON or is not the content that was hashed."""
    episode = episode_from_dict(json.loads(line))
    found = _line_hash(line, episode)
    if found != expected_hash:
        raise ValueError(f"its content has hash {found}, recorded was {expected_hash}")
    return episode


def read_line(line: bytes) -> Record:
    """The record of a line whose checksum holds."""
    episode = episode_from_dict(json.loads(line))
    return Record(episode, line, _line_hash(line, episode), summary(episode))


def summary(episode: Episode) -> Summary:
    """What the index row says of an episode, besides its names and hash."""
    seats = episode.trajectories.items()
    return {
        "seed": episode.seed,
        "sample": episode.sample,
        "fault": episode.fault,
        "agents": {seat: trajectory.agent for seat, trajectory in seats},
        "trainable": {seat: trajectory.trainable for seat, trajectory in seats},
        "rewards": {seat: trajectory.reward for seat, trajectory in seats},
        "payoffs": {seat: trajectory.reward_parts.get("payoff", trajectory.reward) for seat, trajectory in seats},
        "turns": {seat: len(trajectory.turns) for seat, trajectory in seats},
        "illegal": {seat: sum(not turn.legal for turn in trajectory.turns) for seat, trajectory in seats},
        "tokens": {seat: generated_tokens(trajectory.turns) for seat, trajectory in seats},
        "parents": {seat: trajectory.parents for seat, trajectory in seats if trajectory.parents},
        "env_kwargs": dict(episode.env_kwargs),
        "line": _line_of_play(episode),
    }


def _line_of_play(episode: Episode) -> str:
    actions = canonical_json([(seat, turn.action) for seat, turn in episode.turns])
    return hashlib.sha256(actions.encode()).hexdigest()[:16]


def row_of(episode: Episode, position: int = 0) -> EpisodeRow:
    """The row of an episode that is not (or not yet) in a store."""
    return EpisodeRow(
        position=position,
        id=episode.id,
        env_id=episode.env_id,
        status=episode.status,
        group=episode.group,
        task=episode.task,
        hash=episode.hash,
        **summary(episode),
    )


def _line_hash(line: bytes, episode: Episode) -> str:
    """`Episode.hash` from the episode's line. Cutting the times out is far cheaper than writing the line anew."""
    without_times, cuts = TIMES_IN_LINE.subn(b"", line)
    if cuts != 2 * sum(len(trajectory.turns) for trajectory in episode.trajectories.values()):
        return episode.hash
    return hashlib.sha256(without_times).hexdigest()


def _free_mappings(episode: Episode) -> Iterator[Mapping[str, object]]:
    yield from (episode.env_kwargs, episode.trajectories)
    for trajectory in episode.trajectories.values():
        yield from (trajectory.reward_parts, trajectory.metrics, trajectory.hidden)
        if trajectory.last is not None:
            yield trajectory.last.info
        for turn in trajectory.turns:
            yield from (turn.observation.info, turn.hidden, turn.reward_parts, turn.notes)


def _require_string_keys(value: object) -> None:
    """JSON turns other keys into strings and sorts them differently: the hash would not survive."""
    if isinstance(value, dict):  # JSON takes no other mapping
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"keys must be strings, got {key!r}")
            _require_string_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_string_keys(item)
