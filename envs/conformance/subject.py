"""What is checked, and how its seats' spaces are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SEEDS = (0, 1, 2)
MANY_SEEDS = 12


class NotHere(Exception):
    """The property does not concern this environment; the message says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: how to build one, and its id and options where it is registered."""

    build: Callable[..., Any]
    """Called with options that override the usual ones."""
    env_id: str | None = None
    kwargs: dict[str, Any] | None = None


Check = Callable[[Subject], Iterator[str]]


def observation_space(env: Any, seat: str) -> Any:
    """Of a seat, whatever kind of environment this is."""
    return env.observation_space(seat) if hasattr(env, "possible_agents") else env.observation_space


def action_space(env: Any, seat: str) -> Any:
    """Of a seat, whatever kind of environment this is."""
    return env.action_space(seat) if hasattr(env, "possible_agents") else env.action_space
