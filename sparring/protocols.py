"""Who plays: an agent is given a seat and opens a player for it, which lives as long as the episode."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import field
from typing import Any, Protocol

from sparring.types import Observation, Policy, Reply, Sampling, Seen, derive_seed, record


@record
class Seat:
    """A place in an episode, given to an agent once."""

    env_id: str
    seat: str
    """Its name: player_0."""
    episode: str = ""
    """The episode's id."""
    seed: int = 0
    """The match's: it decides the task, and with `sample` the agents' randomness."""
    sample: int = 0
    """Which attempt at the task this is."""
    task: str | None = None
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def turn_seed(self, turn: int) -> int:
        """The agent's randomness for a turn: equal seats, turns and observations, equal replies."""
        attempt = ("sample", self.sample) if self.sample else ()
        return derive_seed(self.seed, *attempt, self.seat, turn)


class Player(Protocol):
    """An agent in one seat of one episode; it may remember whatever happens there."""

    def act(self, observation: Observation) -> Coroutine[Any, Any, Reply]:
        """The reply to an observation: a function of its seat, of what it has seen there, and of the weights.

        Async, so that thousands of episodes meet in one batch of a model.
        """
        ...

    def close(self, last: Seen | None) -> None:
        """The episode is over; `last` is what the seat saw at its end, None where it broke off."""
        ...


class Agent(Protocol):
    """Anything that can take a seat."""

    @property
    def name(self) -> str:
        """What tables and reports call it."""
        ...

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now; none where no model does."""
        ...

    @property
    def sampling(self) -> Sampling | None:
        """How its tokens are drawn; None where there are no tokens."""
        ...

    def open(self, seat: Seat) -> Player:
        """The player for a seat. A stateless agent may return itself."""
        ...
