"""What is checked, and how its seats' spaces are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from gymnasium.spaces import Space

if TYPE_CHECKING:
    from sparring.envs.conformance.playing import Record

SEEDS = (0, 1, 2)
MANY_SEEDS = 12


class NotHere(Exception):
    """The property does not concern this environment; the message says why."""


class Environment(Protocol):
    """What the environments of all three kinds have: a Gymnasium `Env`, a PettingZoo `AECEnv` or `ParallelEnv`."""

    action_space: Any
    """A space; with several seats a function from a seat to its space."""
    observation_space: Any

    def reset(self, *, seed: int | None = None) -> object:
        """Start an episode."""
        ...

    def step(self, action: Any) -> Any:
        """Play an action, or the actions of all seats."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: how to build one, and its id and options where it is registered."""

    make: Callable[..., Environment]
    """Called with options that override the usual ones."""
    env_id: str | None = None
    kwargs: dict[str, object] | None = None
    episodes: dict[int, Record] = field(default_factory=dict, repr=False, compare=False)
    """By seed: see `playing.episode`."""
    _open: list[Environment] = field(default_factory=list, repr=False, compare=False)

    def build(self, **options: object) -> Environment:
        """A new one, which `close` closes."""
        env = self.make(**options)
        self._open.append(env)
        return env

    def close(self) -> None:
        """Close all that were built: a simulator may be large."""
        while self._open:
            with suppress(Exception):  # a check of its own tells
                self._open.pop().close()


Check = Callable[[Subject], Iterator[str]]


def observation_space(env: Environment, seat: str) -> Space[object]:
    """Of a seat, whatever kind of environment this is."""
    space: Space[object] = env.observation_space(seat) if hasattr(env, "possible_agents") else env.observation_space
    return space


def action_space(env: Environment, seat: str) -> Space[object]:
    """Of a seat, whatever kind of environment this is."""
    space: Space[object] = env.action_space(seat) if hasattr(env, "possible_agents") else env.action_space
    return space
