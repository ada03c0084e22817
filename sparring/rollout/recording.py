"""One episode being written down: what every seat saw, answered and received."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparring import registry
from sparring.content import Content, content_of, plain, plain_or_none
from sparring.protocols import Agent
from sparring.rollout.adapters import UNREADABLE, Step, View
from sparring.rollout.match import Match
from sparring.types import (
    Episode,
    FaultKind,
    Observation,
    Reply,
    Seen,
    Status,
    Trajectory,
    Turn,
)

STEP_CAP = "step_cap"
"""The stop reason of an episode that its match ended."""
PAID = frozenset(("reward_parts", "metrics"))
READ = frozenset(
    ("action_mask", "hidden", "illegal", "legal_actions", "metrics", "reward_parts", "state_key", "suggested_actions")
)
"""What this module reads of an environment's info; everything else in it is kept as it is."""


Answered = tuple[str, Observation, Reply, float]
"""A seat, what it saw, its reply, and how many seconds that took."""


class Recording:
    """An episode in the making."""

    def __init__(self, match: Match, agents: Mapping[str, Agent]) -> None:
        """`agents`: by seat."""
        self.match, self.agents = match, agents
        self.status: Status = "ok"
        self.fault: FaultKind | None = None
        self.error: str | None = None
        self.turns: dict[str, list[dict[str, Any]]] = {seat: [] for seat in agents}
        self.rewards = dict.fromkeys(agents, 0.0)
        self.parts: dict[str, dict[str, float]] = {seat: {} for seat in agents}
        self.metrics: dict[str, dict[str, float]] = {}
        self.count = 0
        self.stop_reason: str | None = None
        self._hidden: dict[str, Any] = {}
        self._last: dict[str, Seen] = {}

    def require_seats(self, seats: Sequence[str]) -> None:
        """Raises KeyError unless every seat has its agent."""
        for seat in seats:
            if seat not in self.agents:
                raise KeyError(f"no agent for seat {seat!r}; agents are given for {sorted(self.agents)}")

    def observe(self, step: Step) -> list[tuple[str, Observation]]:
        """What the seats see that are to move. Raises TypeError for what is no observation."""
        return [(view.seat, self._observation(view.seat, view.seen, view.info)) for view in step.movers]

    def _observation(self, seat: str, seen: Any, info: Mapping[str, Any]) -> Observation:
        turn = len(self.turns[seat])
        self._hidden[seat] = _hidden(info)
        return observation_of(seen, info, turn)

    def stepped(self, answered: Sequence[Answered], step: Step, env_seconds: float) -> None:
        """Write down what everybody answered and what came of it. Raises ValueError, TypeError for what is no step."""
        for one in answered:
            self._record(one, step.infos.get(one[0], {}), env_seconds)
        for seat, reward in step.rewards.items():
            info = step.infos.get(seat, {})
            if reward != 0.0 or not PAID.isdisjoint(info):
                self._reward(seat, float(reward), info)
        for view in step.ended:
            self._end(view)
        if step.truncated:
            self.status = "truncated"
        if step.unreadable is not None:
            self.stop_reason = UNREADABLE

    def _record(self, answered: Answered, info: Mapping[str, Any], env_seconds: float) -> None:
        """Write down a reply; `info` is what the environment said of it after the step."""
        seat, seen, reply, agent_seconds = answered
        self.turns[seat].append(
            {
                "index": self.count,
                "observation": Seen(_storable_content(seen.content), seen.legal_actions, seen.info),
                "action": _storable(reply.action),
                "legal": not _is_illegal(info),
                "reward": 0.0,
                "reward_parts": {},
                "hidden": self._hidden[seat],
                "calls": reply.calls,
                "notes": plain(reply.notes, "Reply.notes") if reply.notes else {},
                "agent_seconds": agent_seconds,
                "env_seconds": env_seconds,
            }
        )
        self.count += 1

    def _reward(self, seat: str, reward: float, info: Mapping[str, Any]) -> None:
        """Credit a seat, and its latest turn, with a step's reward. Raises ValueError for what is no finite number."""
        parts = _parts(seat, reward, info)
        if not math.isfinite(self.rewards[seat] + reward):
            raise ValueError(f"the reward of {seat} must be a finite number, got {reward}, {self.rewards[seat]} before")
        self.rewards[seat] += reward
        _add(self.parts[seat], parts)
        if self.turns[seat]:
            self.turns[seat][-1]["reward"] += reward
            _add(self.turns[seat][-1]["reward_parts"], parts)
        if "metrics" in info:
            self.metrics.setdefault(seat, {}).update(_metrics(seat, info["metrics"]))

    def _end(self, view: View) -> None:
        """Keep what a seat sees when its game is over."""
        content, legal = content_of(view.seen), _legal_actions(view.info)
        self._last[view.seat] = Seen(_storable_content(content), legal, _rest(view.info))
        self._hidden[view.seat] = _hidden(view.info)

    def last(self, seat: str) -> Seen | None:
        """What a seat saw at its end, if it has come."""
        return self._last.get(seat)

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
            sample=match.sample,
            status=self.status,
            trajectories={seat: self._trajectory(seat) for seat in self.agents},
            task=match.task,
            group=match.group,
            fault=self.fault,
            error=self.error,
        )

    def _trajectory(self, seat: str) -> Trajectory:
        last = self._last.get(seat)
        return Trajectory(
            id=f"{self.match.id}/{seat}",
            seat=seat,
            agent=self.agents[seat].name,
            turns=tuple(Turn(**turn) for turn in self.turns[seat]),
            reward=self.rewards[seat],
            last=last,
            hidden=self._hidden.get(seat, {}) if last else {},
            reward_parts=self.parts[seat] or {"payoff": self.rewards[seat]},
            metrics=self.metrics.get(seat, {}),
            stop_reason=self.stop_reason or {"ok": "terminated"}.get(self.status, self.status),
            parents=tuple(self.match.parents.get(seat, ())),
        )


def observation_of(seen: Any, info: Mapping[str, Any], turn: int) -> Observation:
    """What an agent is shown of what a seat sees. Raises TypeError for what is no observation."""
    return Observation(
        content=content_of(seen),
        legal_actions=_legal_actions(info),
        suggested_actions=info.get("suggested_actions"),
        state_key=info.get("state_key"),
        turn=turn,
        info=_rest(info),
    )


def _storable(text: str) -> str:
    """The text as JSON gives it back: a pair of surrogates becomes the character that it stands for."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _storable_content(content: Content) -> Content:
    if len(content) == 1 and isinstance(content[0], str) and content[0].isascii():
        return content
    return tuple(_storable(part) if isinstance(part, str) else part for part in content)


def _hidden(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """What no agent sees. Raises TypeError where it is not plain data."""
    return plain(info["hidden"], 'info["hidden"]') if "hidden" in info else {}


def _rest(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an environment says beyond what is read here, as plain data; what JSON cannot hold is left out."""
    if info.keys() <= READ:
        return {}
    found = {name: plain_or_none(value) for name, value in info.items() if name not in READ}
    return {str(name): value for name, value in found.items() if value is not None}


def _parts(seat: str, reward: float, info: Mapping[str, Any]) -> Mapping[str, float]:
    """What a step's reward is made of: as the environment says, else all of it is the payoff.

    An environment of several seats may leave the parts of an earlier step in its infos: without a reward they say
    nothing. Raises ValueError for parts that do not sum to the reward.
    """
    parts = {name: float(part) for name, part in info.get("reward_parts", {}).items()}
    if math.isclose(math.fsum(parts.values()), reward, rel_tol=1e-9, abs_tol=1e-12):
        return parts
    if reward == 0.0:
        return {}
    if not parts:
        return {"payoff": reward}
    raise ValueError(f"the parts of the reward of {seat} must sum to {reward}, got {parts}")


def _metrics(seat: str, metrics: Any) -> dict[str, float]:
    """What the environment measured. Raises ValueError unless these are finite numbers by name."""
    if not isinstance(metrics, Mapping):
        raise ValueError(f"the metrics of {seat} must be numbers by name, got {metrics!r:.80}")
    found = {str(name): float(value) for name, value in metrics.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise ValueError(f"the metric {name!r} of {seat} must be a finite number, got {value}")
    return found


def _add(total: dict[str, float], parts: Mapping[str, float]) -> None:
    for name, part in parts.items():
        total[name] = total.get(name, 0.0) + part


def _legal_actions(info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The accepted strings, where they are finite."""
    return _texts(info["legal_actions"]) if "legal_actions" in info else None


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
