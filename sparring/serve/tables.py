"""Games in play whose seats other programs hold: a client is an agent, and its table is a match like any other.

    client ─► Chair ─► the match's seat; play_one plays it, with agents of ours in the other seats ─► Episode

So what a client sees, is paid and did is what `play` would have recorded, and `verify` plays it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparring.faults import ServerFailed
from sparring.protocols import Agent, Seat
from sparring.rollout.answers import read
from sparring.rollout.blame import Fault
from sparring.rollout.hosts import Hosts
from sparring.rollout.loop import Match, play_one
from sparring.rollout.pool import EnvPool
from sparring.rollout.recording import Recording
from sparring.types import Episode, Observation, Policy, Reply, Seen, mark_fault


@dataclass(frozen=True, slots=True)
class Told:
    """What a client is told after a reset or a step."""

    seen: Observation | Seen
    reward: float
    """What its seat was paid since it was told last."""
    total: float
    """What it was paid in the episode so far."""
    legal: bool = True
    """Whether its last action was."""
    reward_parts: Mapping[str, float] = field(default_factory=dict)
    """Of its last action."""
    episode: Episode | None = None
    """Where its game is over."""

    @property
    def done(self) -> bool:
        """Whether the game is over."""
        return self.episode is not None


class Left(ServerFailed):
    """The client of a seat is gone, or began another episode."""


class BrokeOff(RuntimeError):
    """A fault ended the episode, so there is no observation and no reward; `kind` says whose it was."""

    def __init__(self, status: str, kind: str, text: str) -> None:
        super().__init__(f"the episode broke off ({status}, {kind}): {text}")
        self.kind = kind


class Chair:
    """A seat of a table: an agent whose replies a client gives."""

    policies: tuple[Policy, ...] = ()
    sampling = None

    def __init__(self, name: str = "client") -> None:
        self.name = name
        self.is_held = False
        """Whether a client has it."""
        self.steps = 0
        """How many answers the client has given."""
        self._told: asyncio.Future[Observation | None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[str] | None = None
        self._gone: Exception | None = None

    def open(self, seat: Seat) -> Chair:
        """Itself: it plays one episode."""
        return self

    async def act(self, observation: Observation) -> Reply:
        """What the client answers. Raises Left where it is gone."""
        if self._gone is not None:
            raise self._gone
        self._answer = asyncio.get_running_loop().create_future()
        _set(self._told, observation)
        return Reply(read(await self._answer, observation.legal_actions))

    def close(self, last: Seen | None) -> None:
        """The episode is over."""
        _set(self._told, None)

    @property
    def to_move(self) -> bool:
        """Whether the game waits for this client."""
        return self._answer is not None and not self._answer.done()

    async def told(self) -> Observation | None:
        """What the client sees when it is its turn; None where the episode is over."""
        return await asyncio.shield(self._told)

    def answer(self, text: str) -> None:
        """The client's answer to what it was told."""
        assert self._answer is not None
        self.steps += 1
        self._told = asyncio.get_running_loop().create_future()
        self._answer.set_result(text)

    def leave(self, why: str) -> None:
        """The client is gone: the game breaks off when it is its turn."""
        self._gone = mark_fault(Left(why), "server")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._gone)


class Table:
    """A match in play."""

    def __init__(self, match: Match, agents: Mapping[str, Agent]) -> None:
        """`agents`: by seat; chairs are seats of clients."""
        self.match = match
        self.chairs = {seat: agent for seat, agent in agents.items() if isinstance(agent, Chair)}
        self.recording = Recording(match, agents)
        self.episode: Episode | None = None
        self.over, self.since = asyncio.Event(), time.monotonic()
        self._error: Exception | None = None
        self._paid = dict.fromkeys(agents, 0.0)

    async def play(self, pool: EnvPool, hosts: Hosts, kept: Callable[[Episode], object]) -> None:
        """Play it to its end. Never raises: clients are told what went wrong."""
        try:
            self.episode = await play_one(self.recording, pool, hosts)
            kept(self.episode)
        except Exception as error:  # noqa: BLE001  (an extra is missing, the disk is full: the client is told)
            self._error = error
        finally:
            self.over.set()
            for chair in self.chairs.values():
                chair.close(None)

    async def next(self, seat: str) -> Told:
        """What the client of a seat is told: at its turn, or at the end. Raises BrokeOff where there is no end."""
        seen = await self.chairs[seat].told()
        if seen is not None:
            return self._told(seat, seen)
        await self.over.wait()  # its player is closed just before the episode is made
        return self._end(seat)

    def leave(self, why: str) -> None:
        """All clients are gone."""
        for chair in self.chairs.values():
            chair.leave(why)

    def _end(self, seat: str) -> Told:
        if self.episode is None:
            kind = self._error.kind if isinstance(self._error, Fault) else "server"
            raise BrokeOff("env_error", kind, str(self._error))
        episode, last = self.episode, self.episode.trajectories[seat].last
        if not episode.sound or last is None:
            text = (episode.error or "it has no end").removeprefix(f"{Left.__module__}.{Left.__name__}: ")
            raise BrokeOff(episode.status, str(episode.fault), text)
        return self._told(seat, last, episode)

    def _told(self, seat: str, seen: Observation | Seen, episode: Episode | None = None) -> Told:
        total = self.recording.reward(seat)
        reward, self._paid[seat] = total - self._paid[seat], total
        turn = self.recording.latest(seat)
        if turn is None:
            return Told(seen, reward, total, episode=episode)
        return Told(seen, reward, total, turn.legal, turn.reward_parts, episode)


def _set(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
