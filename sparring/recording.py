"""One episode being written down: what every seat saw, answered and received."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring import registry
from sparring.types import (
    Agent,
    Episode,
    Observation,
    Reply,
    Status,
    Trajectory,
    Turn,
    derive_seed,
    hash_observation,
    plain,
)

MOST_STEPS = 10_000
STEP_CAP = "step_cap"
"""The stop reason of an episode that its match ended."""
MOST_VALUES = 10_000
"""Numbers in an observation that is not text: more are no text that anybody reads."""


@dataclass(frozen=True, slots=True)
class Match:
    """One episode to be played."""

    id: str
    env_id: str
    agents: Mapping[str, Agent]
    """The agent of every seat."""
    seed: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    group: str | None = None
    max_steps: int = MOST_STEPS
    """After so many steps of the environment the episode is truncated, whatever the environment says."""


class Recording:
    """An episode in the making."""

    def __init__(self, match: Match) -> None:
        self.match = match
        self.status: Status = "ok"
        self.error: str | None = None
        self.turns: dict[str, list[dict[str, Any]]] = {seat: [] for seat in match.agents}
        self.rewards = dict.fromkeys(match.agents, 0.0)
        self.parts: dict[str, dict[str, float]] = {}
        self.count = 0
        self.stop_reason: str | None = None
        self._hashes: dict[str, str] = {}

    def require_seats(self, seats: Sequence[str]) -> None:
        """Raises KeyError unless every seat has its agent."""
        for seat in seats:
            if seat not in self.match.agents:
                raise KeyError(f"no agent for seat {seat!r}; agents are given for {sorted(self.match.agents)}")

    def observe(self, seat: str, seen: Any, info: Mapping[str, Any]) -> Observation:
        """What a seat sees. Raises TypeError or ValueError for what is no observation."""
        turn, text, legal_actions = len(self.turns[seat]), _text_of(seen), _legal_actions(seen, info)
        self._hashes[seat] = hash_observation(text, legal_actions, _bytes_of(seen))
        return Observation(
            env_id=self.match.env_id,
            seat=seat,
            text=text,
            legal_actions=legal_actions,
            suggested_actions=info.get("suggested_actions"),
            state_key=info.get("state_key"),
            turn=turn,
            seed=derive_seed(self.match.seed, seat, turn),
            episode=self.match.id,
        )

    def record(
        self, seen: Observation, reply: Reply, info: Mapping[str, Any], agent_seconds: float, env_seconds: float
    ) -> None:
        """Write down a reply; `info` is what the environment said of it after the step."""
        self.turns[seen.seat].append(
            {
                "index": self.count,
                "observation": seen.text,
                "observation_hash": self._hashes[seen.seat],
                "legal_actions": seen.legal_actions,
                "action": _storable(reply.action),
                "legal": not _is_illegal(info),
                "reward": 0.0,
                "segments": reply.segments,
                "extends": reply.extends,
                "info": _notes(reply, info),
                "agent_seconds": agent_seconds,
                "env_seconds": env_seconds,
            }
        )
        self.count += 1

    def reward(self, seat: str, reward: float) -> None:
        """Credit a seat; the reward also lands on its latest turn. Raises ValueError unless it is finite."""
        total = self.rewards[seat] + reward
        if not math.isfinite(total):
            raise ValueError(f"the reward of {seat} must be a finite number, got {reward}, {total} in all")
        self.rewards[seat] = total
        if self.turns[seat]:
            self.turns[seat][-1]["reward"] += reward

    def note_end(self, env: Any) -> None:
        """Keep what the environment says of the end, before its dead seats are stepped away."""
        for seat, info in env.infos.items():
            if "reward_parts" in info:
                self.note_parts(seat, info["reward_parts"])
        if any(env.truncations.values()) and not any(env.terminations.values()):
            self.status = "truncated"

    def note_parts(self, seat: str, parts: Mapping[str, Any]) -> None:
        """Keep what a seat's reward is made of. Raises ValueError unless every part is finite."""
        self.parts[seat] = {name: float(part) for name, part in parts.items()}
        for name, part in self.parts[seat].items():
            if not math.isfinite(part):
                raise ValueError(f"the part {name!r} of the reward of {seat} must be a finite number, got {part}")

    def may_step(self, taken: int) -> bool:
        """Whether the environment may take another step; where not, the episode is truncated."""
        if taken < self.match.max_steps:
            return True
        self.status, self.stop_reason = "truncated", STEP_CAP
        return False

    def episode(self) -> Episode:
        match = self.match
        return Episode(
            id=match.id,
            env_id=match.env_id,
            env_version=registry.envs.row(match.env_id).version,
            env_kwargs=dict(match.env_kwargs),
            seed=match.seed,
            status=self.status,
            trajectories={seat: self._trajectory(seat) for seat in match.agents},
            task=match.task,
            group=match.group,
            error=self.error,
        )

    def _trajectory(self, seat: str) -> Trajectory:
        agent = self.match.agents[seat]
        return Trajectory(
            id=f"{self.match.id}/{seat}",
            seat=seat,
            agent=agent.name,
            policy=agent.policy,
            sampling=agent.sampling,
            turns=tuple(Turn(**turn) for turn in self.turns[seat]),
            reward=self.rewards[seat],
            reward_parts=self.parts.get(seat) or {"payoff": self.rewards[seat]},
            stop_reason=self.stop_reason or {"ok": "terminated"}.get(self.status, self.status),
        )


def _notes(reply: Reply, info: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a turn besides the fixed fields. Raises TypeError where it is not plain data."""
    notes = plain(reply.info, "Reply.info") if reply.info else {}
    notes["stop_reason"] = reply.stop_reason
    if "execution" in info:
        notes["execution"] = plain(info["execution"], 'info["execution"]')
    return notes


def _storable(text: str) -> str:
    """The text as JSON gives it back: a pair of surrogates becomes the character that it stands for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _text_of(seen: Any) -> str:
    """The text of an observation: itself, its `text` entry, or all its numbers. Raises TypeError, ValueError."""
    if isinstance(seen, str):
        return seen
    if isinstance(seen, Mapping) and isinstance(seen.get("text"), str):
        return str(seen["text"])
    values = sum(array.size for array in _arrays(seen))
    if values > MOST_VALUES:
        raise ValueError(
            f"an observation of {values} numbers is no text: have at most {MOST_VALUES}, or a `text` entry beside them"
        )
    return _rendered(seen)


def _rendered(seen: Any) -> str:
    """Every value at full precision: different observations have different texts."""
    if isinstance(seen, str):
        return seen
    if isinstance(seen, Mapping):
        return "\n".join(f"{name}: {_rendered(value)}" for name, value in seen.items())
    if isinstance(seen, tuple | list):
        return "(" + ", ".join(map(_rendered, seen)) + ")"
    if isinstance(seen, np.ndarray) and seen.dtype != object:
        return np.array2string(seen, threshold=sys.maxsize, floatmode="unique")
    if isinstance(seen, int | float | np.generic):
        return str(seen)
    raise TypeError(f"an observation must be text, numbers, arrays, or mappings and tuples of these, got {type(seen)}")


def _arrays(seen: Any) -> Iterator[np.ndarray]:
    if isinstance(seen, np.ndarray):
        yield seen
    elif isinstance(seen, Mapping | tuple | list):
        for value in seen.values() if isinstance(seen, Mapping) else seen:
            yield from _arrays(value)


def _bytes_of(seen: Any) -> bytes:
    """What the text of an observation does not say: the arrays themselves, with type and shape."""
    if isinstance(seen, str):
        return b""
    return b"".join(f"{array.dtype}{array.shape}".encode() + array.tobytes() for array in _arrays(seen))


def _legal_actions(seen: Any, info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The accepted strings, where the environment lists them; an action mask lists indices."""
    if "legal_actions" in info:
        return _texts(info["legal_actions"])
    mask = info.get("action_mask", seen.get("action_mask") if isinstance(seen, Mapping) else None)
    if mask is None or "suggested_actions" in info:
        return None
    return tuple(str(action) for action, legal in enumerate(mask) if legal)


def _texts(actions: Any) -> tuple[str, ...] | None:
    if actions is None:
        return None
    if isinstance(actions, str) or not {*map(type, actions)} <= {str, np.str_}:
        raise TypeError(f'info["legal_actions"] must be a sequence of strings, got {actions!r:.80}')
    return tuple(actions)


def _is_illegal(info: Mapping[str, Any]) -> bool:
    illegal = info.get("illegal", False)
    if illegal is False:
        return False
    if not isinstance(illegal, bool | np.bool_):
        raise TypeError(f'info["illegal"] must be True or False, got {illegal!r:.80}')
    return bool(illegal)
