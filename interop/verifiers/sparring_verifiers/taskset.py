"""The tasks of an environment: one a seed, without end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Self

import verifiers.v1 as vf
from pydantic import Field, JsonValue, model_validator

from sparring import registry

ROLES = ("player_0", "player_1")
"""The seats that models of a run can take, in the order of the environment's own."""


class SparringConfig(vf.TasksetConfig):
    env: str = "sparring/KuhnPoker-v0"
    """Which environment is played: an id, or a short name, of `sparring envs`."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Options of the environment."""
    split: str = ""
    """Which tasks of an environment that has splits: train or held_out; its own choice if this is empty."""
    first_seed: int = Field(0, ge=0)
    """The seed of the first task."""
    opponent: str = ""
    """Who plays the other seats: an agent of Sparring, such as random; models of the run if this is empty."""
    seat: str = ROLES[0]
    """Which seat the run's model has where an opponent plays the others: player_0 or player_1."""

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        """Raises ValueError."""
        try:
            roles = ROLES[: len(seats_of(self.env, self.kwargs))]
            if self.opponent:
                registry.make_agent(self.opponent)
        except registry.UnknownName as error:
            raise ValueError(str(error)) from error
        if self.seat not in roles:
            raise ValueError(f"seat of {self.env} must be {' or '.join(roles)}, got {self.seat!r}")
        return self

    @property
    def kwargs(self) -> dict[str, JsonValue]:
        """The options, the split among them."""
        return {**self.options, "split": self.split} if self.split else dict(self.options)


class SparringData(vf.TaskData):
    env: str
    seed: int
    options: dict[str, JsonValue]
    opponent: str
    seat: str


class SparringTask(vf.Task[SparringData]):
    @property
    def key(self) -> str:
        """Our id of the task."""
        return f"{self.data.env}/{self.data.seed}"


class SparringTaskset(vf.Taskset[SparringTask, SparringConfig]):
    INFINITE = True

    def load(self) -> Iterator[SparringTask]:
        """The tasks, from the first seed on."""
        config, env = self.config, registry.envs.row(self.config.env).name
        for seed in itertools.count(config.first_seed):
            data = SparringData(
                name=f"{env}/{seed}",
                env=env,
                seed=seed,
                options=config.kwargs,
                opponent=config.opponent,
                seat=config.seat,
            )
            yield SparringTask(data, config.task)


def seats_of(env: str, kwargs: Mapping[str, object]) -> tuple[str, ...]:
    """The environment's own names of its seats. Raises ValueError for more than two, UnknownName."""
    row = registry.envs.row(env).given(kwargs)
    seats = row.seat_ids
    if len(seats) > len(ROLES):
        raise ValueError(f"{env} has {len(seats)} seats; sparring-verifiers plays environments of 1 or 2 seats")
    return seats
