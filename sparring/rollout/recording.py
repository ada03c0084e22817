"""One episode being written down: what every seat saw, answered and received."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sparring import registry
from sparring.content import NOTHING, Content, content_of, plain
from sparring.protocols import Agent
from sparring.rollout.actions import Info
from sparring.rollout.adapters import UNREADABLE, Step, View
from sparring.rollout.infos import (
    PAID,
    hidden_of,
    is_illegal,
    legal_actions_of,
    metrics_of,
    observation_of,
    parts_of,
    rest_of,
)
from sparring.rollout.match import Match
from sparring.types import (
    Call,
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

Answered = tuple[str, Observation, Reply, float]
"""A seat, what it saw, its reply, and how many seconds that took."""


@dataclass(slots=True)
class _OpenTurn:
    """A turn that may still be paid."""

    index: int
    observation: Seen
    action: str
    legal: bool
    hidden: Mapping[str, object]
    calls: tuple[Call, ...]
    notes: Mapping[str, object]
    env_seconds: float
    agent_seconds: float
    reward: float = 0.0
    reward_parts: Mapping[str, float] = field(default_factory=lambda: NOTHING)

    def turn(self) -> Turn:
        return Turn(
            self.index,
            self.observation,
            self.action,
            self.legal,
            self.reward,
            self.reward_parts,
            self.hidden,
            self.calls,
            self.notes,
            self.env_seconds,
            self.agent_seconds,
        )


@dataclass(slots=True)
class _OpenSeat:
    """A seat's trajectory in the making."""

    turns: list[_OpenTurn] = field(default_factory=list)
    reward: float = 0.0
    parts: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    metrics: dict[str, float] = field(default_factory=dict)
    hidden: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    """Of what it sees now."""
    seen: Seen | None = None
    """What it sees now."""
    is_over: bool = False

    @property
    def last(self) -> Seen | None:
        """What it saw at its end, if it has come."""
        return self.seen if self.is_over else None

    def pay(self, reward: float, parts: Mapping[str, float]) -> None:
        """Credit the seat, and its latest turn."""
        self.reward += reward
        self.parts = _sum(self.parts, parts)
        if self.turns:
            self.turns[-1].reward += reward
            self.turns[-1].reward_parts = _sum(self.turns[-1].reward_parts, parts)


class Recording:
    """An episode in the making."""

    def __init__(self, match: Match, agents: Mapping[str, Agent]) -> None:
        """`agents`: by seat."""
        self.match, self.agents = match, agents
        self.status: Status = "ok"
        self.fault: FaultKind | None = None
        self.error: str | None = None
        self.count = 0
        self.stop_reason: str | None = None
        self._seats = {seat: _OpenSeat() for seat in agents}

    def require_seats(self, seats: Sequence[str]) -> None:
        """Raises KeyError unless every seat has its agent."""
        for seat in seats:
            if seat not in self.agents:
                raise KeyError(f"no agent for seat {seat!r}; agents are given for {sorted(self.agents)}")
        if extra := sorted(set(self.agents) - set(seats)):
            raise KeyError(f"there is no seat {extra[0]!r}; the seats are {sorted(seats)}")

    def observe(self, step: Step) -> list[tuple[str, Observation]]:
        """What the seats see that are to move. Raises TypeError for what is no observation."""
        return [(view.seat, self._observation(view)) for view in step.movers]

    def _observation(self, view: View) -> Observation:
        """Its record is made before an agent has it."""
        seat = self._seats[view.seat]
        shown = observation_of(view.seen, view.info, len(seat.turns), view.situation)
        seat.seen = Seen(_storable_content(shown.content), shown.legal_actions, shown.info)
        seat.hidden = hidden_of(view.info)
        return shown

    def stepped(self, answered: Sequence[Answered], step: Step, env_seconds: float) -> None:
        """Write down what everybody answered and what came of it. Raises ValueError, TypeError for what is no step."""
        for reply in answered:
            self._record(reply, step.infos.get(reply[0], {}), env_seconds)
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

    def _record(self, answered: Answered, info: Info, env_seconds: float) -> None:
        """Write down a reply; `info` is what the environment said of it after the step."""
        name, _, reply, agent_seconds = answered
        seat = self._seats[name]
        assert seat.seen is not None
        turn = _OpenTurn(
            self.count,
            seat.seen,
            _storable(reply.action),
            not is_illegal(info),
            seat.hidden,
            reply.calls,
            plain(reply.notes, "Reply.notes") if reply.notes else NOTHING,
            env_seconds,
            agent_seconds,
        )
        seat.turns.append(turn)
        self.count += 1

    def _reward(self, name: str, reward: float, info: Info) -> None:
        """Pay a seat a step's reward. Raises ValueError for what is no finite number."""
        seat, parts = self._seats[name], parts_of(name, reward, info)
        if not math.isfinite(seat.reward + reward):
            raise ValueError(f"the reward of {name} must be a finite number, got {reward}, {seat.reward} before")
        seat.pay(reward, parts)
        if "metrics" in info:
            seat.metrics.update(metrics_of(name, info["metrics"]))

    def _end(self, view: View) -> None:
        """Keep what a seat sees when its game is over."""
        seat, content, legal = self._seats[view.seat], content_of(view.seen), legal_actions_of(view.info)
        seat.seen = Seen(_storable_content(content), legal, rest_of(view.info))
        seat.hidden, seat.is_over = hidden_of(view.info), True

    def reward(self, seat: str) -> float:
        """What a seat has been paid so far."""
        return self._seats[seat].reward

    def latest(self, seat: str) -> Turn | None:
        """The latest turn of a seat, with what it was paid for it so far."""
        turns = self._seats[seat].turns
        return turns[-1].turn() if turns else None

    def last(self, seat: str) -> Seen | None:
        """What a seat saw at its end, if it has come."""
        return self._seats[seat].last

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
            trajectories={name: self._trajectory(name, seat) for name, seat in self._seats.items()},
            task=match.task,
            group=match.group,
            fault=self.fault,
            error=self.error,
        )

    def _trajectory(self, name: str, seat: _OpenSeat) -> Trajectory:
        return Trajectory(
            id=f"{self.match.id}/{name}",
            seat=name,
            agent=self.agents[name].name,
            turns=tuple([turn.turn() for turn in seat.turns]),
            reward=seat.reward,
            last=seat.last,
            hidden=seat.hidden if seat.is_over else NOTHING,
            reward_parts=seat.parts or {"payoff": seat.reward},
            metrics=seat.metrics,
            stop_reason=self.stop_reason or ("terminated" if self.status == "ok" else self.status),
            parents=tuple(self.match.parents.get(name, ())),
        )


def _storable(text: str) -> str:
    """The text as JSON gives it back: a pair of surrogates becomes the character that it stands for."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _storable_content(content: Content) -> Content:
    if len(content) == 1 and isinstance(content[0], str) and content[0].isascii():
        return content
    return tuple(_storable(part) if isinstance(part, str) else part for part in content)


def _sum(total: Mapping[str, float], parts: Mapping[str, float]) -> Mapping[str, float]:
    return {**total, **{name: total.get(name, 0.0) + part for name, part in parts.items()}}
