"""Environments between episodes: one instance serves many matches, in a process of its own where its row says so."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, MutableMapping
from functools import cached_property
from operator import methodcaller
from typing import Protocol, TypeAlias, runtime_checkable

from sparring import registry
from sparring.content import canonical_json
from sparring.protocols import Agent
from sparring.rollout import hosts
from sparring.rollout.adapters import Game, adapt
from sparring.rollout.hosts import Closable, Hosts, StepTimeout
from sparring.rollout.match import Match
from sparring.rollout.processes import ProcessGame
from sparring.types import Episode


@runtime_checkable
class Workers(Protocol):
    """Other processes that play, here or on other machines, in the place of a pool."""

    def played(
        self, matches: Iterable[Match], known: MutableMapping[str, Agent]
    ) -> AsyncGenerator[list[tuple[Match, Episode]], None]:
        """Stream matches with their episodes, in the order of the matches; `known`: agents by name."""
        ...

    def holding(self, matches: Iterable[Match], known: Mapping[str, Agent]) -> Workers:
        """The same workers, for these matches: agents play as they are now, whatever is learnt meanwhile."""
        ...


class Lent:
    """An environment that a pool lends, and how it is played."""

    def __init__(self, env: Closable) -> None:
        self.env = env

    @cached_property
    def game(self) -> Game:
        """The same for all its episodes."""
        return adapt(self.env)


class EnvPool:
    """Environments between episodes: `reset` leaves nothing of the last one, so one instance serves many matches."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Lent]] = {}

    def borrow(self, match: Match) -> Lent:
        idle = self._idle.get(self.key(match))
        if idle:
            return idle.pop()
        if registry.envs.row(match.env_id).host == "process":
            return Lent(ProcessGame(match.env_id, match.env_kwargs, hosts.STEP_TIMEOUT_SECONDS))
        return Lent(registry.envs.make(match.env_id, **match.env_kwargs))

    @staticmethod
    def has_process(match: Match) -> bool:
        """Whether the environment of a match has a process of its own while it is in play."""
        return registry.envs.row(match.env_id).has_process(match.env_kwargs)

    def give_back(self, match: Match, lent: Lent) -> None:
        self._idle.setdefault(self.key(match), []).append(lent)

    async def close(self, hosts: Hosts) -> None:
        """Close what is idle. What fails at that is left; where one hangs, its kind is left."""
        for idle in self._idle.values():
            for lent in idle:
                if not await close_env(lent.env, hosts):
                    break
        self._idle.clear()

    @staticmethod
    def key(match: Match) -> str:
        """Matches with equal keys share environments."""
        return match.env_id + canonical_json(dict(match.env_kwargs)) if match.env_kwargs else match.env_id


Pool: TypeAlias = EnvPool | Workers
"""Where matches are played."""


async def close_env(env: Closable, hosts: Hosts) -> bool:
    """Close an environment where it runs, whatever it raises; False where it hangs."""
    try:
        await hosts.of(env)(methodcaller("close"), env)
    except StepTimeout:
        return False
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001  (its matches are over)
        return True
    return True
