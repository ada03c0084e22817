"""One episode being written down: what every seat saw, answered and received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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

    def require_seats(self, seats: Sequence[str]) -> None:
        """Raises KeyError unless every seat has its agent."""
        for seat in seats:
            if seat not in self.match.agents:
                raise KeyError(f"no agent for seat {seat!r}; agents are given for {sorted(self.match.agents)}")

    def observe(self, seat: str, seen: Any, info: Mapping[str, Any]) -> Observation:
        turn = len(self.turns[seat])
        return Observation(
            env_id=self.match.env_id,
            seat=seat,
            text=_text_of(seen),
            legal_actions=_legal_actions(seen, info),
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
                "observation_hash": hash_observation(seen.text, seen.legal_actions),
                "legal_actions": seen.legal_actions,
                "action": _storable(reply.action),
                "legal": not info.get("illegal", False),
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
        """Credit a seat; the reward also lands on its latest turn."""
        self.rewards[seat] += reward
        if self.turns[seat]:
            self.turns[seat][-1]["reward"] += reward

    def note_end(self, env: Any) -> None:
        """Keep what the environment says of the end, before its dead seats are stepped away."""
        for seat, info in env.infos.items():
            if "reward_parts" in info:
                self.parts[seat] = {name: float(part) for name, part in info["reward_parts"].items()}
        if any(env.truncations.values()) and not any(env.terminations.values()):
            self.status = "truncated"

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
            stop_reason={"ok": "terminated"}.get(self.status, self.status),
        )


def _notes(reply: Reply, info: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a turn besides the fixed fields. Raises TypeError where it is not plain data."""
    notes = {**plain(reply.info, "Reply.info"), "stop_reason": reply.stop_reason}
    if "execution" in info:
        notes["execution"] = plain(info["execution"], 'info["execution"]')
    return notes


def _storable(text: str) -> str:
    """The text as JSON gives it back: a pair of surrogates becomes the character that it stands for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _text_of(seen: Any) -> str:
    """The text of an observation: itself, its `text` entry, or its plain rendering."""
    if isinstance(seen, str):
        return seen
    if isinstance(seen, Mapping) and "text" in seen:
        return str(seen["text"])
    return str(seen)


def _legal_actions(seen: Any, info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The accepted strings, where the environment lists them; an action mask lists indices."""
    if "legal_actions" in info:
        return tuple(info["legal_actions"])
    mask = info.get("action_mask", seen.get("action_mask") if isinstance(seen, Mapping) else None)
    if mask is None or "suggested_actions" in info:
        return None
    return tuple(str(action) for action, legal in enumerate(mask) if legal)
