"""What is to be played, as plain data: a match prints, pickles and travels to other processes and machines."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from operator import index
from typing import Literal, SupportsIndex, cast

from sparring import registry
from sparring.kinds import require_kind, shown
from sparring.protocols import Agent, Seat
from sparring.types import Call, Episode, Observation, Parents, Reply

MOST_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Match:
    """One episode to be played."""

    id: str
    env_id: str
    agents: Mapping[str, str]
    """Seat -> name of its agent: one that is given beside the matches, else a spec such as "random"."""
    seed: int
    """Decides the task."""
    env_kwargs: Mapping[str, object] = field(default_factory=dict)
    sample: int = 0
    """Which attempt at the task: equal seeds and other samples are one task played with other randomness."""
    task: str | None = None
    group: str | None = None
    parents: Mapping[str, Parents] = field(default_factory=dict)
    """By seat, the trajectories that this attempt comes from."""
    max_steps: int = MOST_STEPS
    """After so many steps of the environment the episode is truncated, whatever the environment says."""

    def __post_init__(self) -> None:
        """Raises TypeError, ValueError for what could not be stored, or names no agent."""
        for name in ("id", "env_id", "task", "group"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name in ("id", "env_id")):
                raise TypeError(f"match {self.id!r:.80}: {name} must be text, got {value!r:.80}")
        for name in ("seed", "sample", "max_steps"):
            object.__setattr__(self, name, _whole(self.id, name, getattr(self, name)))
        if self.max_steps < 1:
            raise ValueError(f"match {self.id!r}: max_steps must be >= 1, got {self.max_steps}")
        if not isinstance(self.agents, Mapping):
            raise TypeError(f"match {self.id!r}: agents must be names by seat, got {self.agents!r:.80}")
        for name in ("env_kwargs", "parents"):
            require_kind(f"match {self.id!r}: {name}", getattr(self, name), Mapping, "a mapping")
        for seat, agent in self.agents.items():
            if not isinstance(agent, str):
                raise TypeError(f"match {self.id!r}: the agent of {seat} must be a name, got {agent!r:.80}")

    def seat(self, seat: str) -> Seat:
        """What the agent in a seat is told."""
        return Seat(self.env_id, seat, self.id, self.seed, self.sample, self.task, self.env_kwargs)


def _whole(id: str, name: str, value: object) -> int:
    """A whole number, NumPy's too. Raises TypeError."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"match {id!r}: {name} must be a whole number, got {value!r:.80}")
    return index(value)


def require_agents(agents: object) -> None:
    """Raises TypeError unless it is a mapping of names to agents, or None."""
    if agents is None:
        return
    require_kind("agents", agents, Mapping, "agents by the names that the matches use")
    for name, agent in cast("Mapping[object, object]", agents).items():
        if isinstance(agent, type) or not hasattr(agent, "open") or not hasattr(agent, "name"):
            hint = " (a spec is named in the match itself, or made by make_agent)" if isinstance(agent, str) else ""
            raise TypeError(f"agents[{name!r}] must be an agent, got {shown(agent)}{hint}")


def require_reply(reply: object) -> None:
    """Raises TypeError for what is no reply with a text and calls: the fault of whoever gave it."""
    if not isinstance(reply, Reply):
        raise TypeError(f"act must return a Reply, such as Reply('bet'), got {shown(reply)}")
    if not isinstance(reply.action, str):
        raise TypeError(f"an action must be text, got {type(reply.action).__name__}")
    if reply.calls and not (isinstance(reply.calls, tuple) and all(isinstance(call, Call) for call in reply.calls)):
        raise TypeError(f"the calls of a Reply must be a tuple of Calls, got {shown(reply.calls)}")


def agents_by_seat(match: Match, known: MutableMapping[str, Agent]) -> dict[str, Agent]:
    """Who plays; agents that a spec names are made once, and are known from then on. Raises UnknownName, ValueError."""
    for name in match.agents.values():
        if name not in known:
            known[name] = _made(name, known)
    return {seat: known[name] for seat, name in match.agents.items()}


def _made(name: str, known: Mapping[str, Agent]) -> Agent:
    try:
        agent: Agent = registry.make_agent(name)
    except registry.UnknownName as error:
        names = [*known, *(row.name for row in registry.agents)]
        raise registry.UnknownName(registry.unknown("agent", name, names)) from error
    return agent


@dataclass(frozen=True, slots=True)
class Event:
    """What happens while matches are played: an episode begins, a seat has answered, an episode is done."""

    kind: Literal["begun", "turn", "done"]
    match: Match
    seat: str = ""
    """Of a turn."""
    observation: Observation | None = None
    """Of a turn: what the seat saw."""
    reply: Reply | None = None
    """Of a turn: what it answered."""
    episode: Episode | None = None
    """Of an episode that is done."""
