"""Who does what in a run of several processes: process 0 runs the run, the others follow its learner."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from sparring.agents.models.trainable import LocalModel
from sparring.trainers import processes
from sparring.trainers.batch import Batch, Signal, merge
from sparring.trainers.config import RunConfig, learner_config, load_model
from sparring.trainers.learner import Learner, LearnerConfig, NothingLearnt
from sparring.trainers.progress import Hear
from sparring.trainers.sharded import ShardedLearner
from sparring.trainers.state import State


def learner_of(config: RunConfig, model: LocalModel) -> Learner:
    """What trains a run's model: in this process, or, under torchrun, in all of them.

    Raises ValueError where several processes cannot do what the settings say, LostProcess.
    """
    if processes.count() == 1:
        return Learner(model, learner_config(config, model))
    require_sharable(config)
    with processes.ordering(Follow(config)):
        return LeadingLearner(load_model(config), learner_config(config, model), playing=model)


def require_sharable(config: RunConfig) -> None:
    """Raises ValueError for settings that hold in one process only, and where a GPU is missing."""
    for name, wanted in (("engine", "transformers"), ("optimizer", "adamw")):
        if (got := getattr(config, name)) != wanted:
            raise ValueError(f"{name} must be {wanted} in several processes, got {got!r}: start it without torchrun")
    processes.take_device(config.device)


def follow() -> None:
    """Do what the leader says, until its end. Raises LostProcess, ValueError where this machine lacks something."""
    order = processes.receive()
    if not isinstance(order, Follow):
        return
    processes.take_device(order.config.device)
    model = load_model(order.config)
    with processes.others_alive(), suppress(NothingLearnt):  # the leader says so
        learner = ShardedLearner(model, learner_config(order.config, model), playing=None)
        while (order := processes.receive()) is not None:
            cast("Step | Forget | Gather | Load", order)(learner)


class LeadingLearner(ShardedLearner):
    """That of process 0: what it is asked to do, it has the other ones do too."""

    def step(
        self,
        signals: Iterable[Signal] | Batch,
        magnet: float = 0.0,
        reference_kl: float | None = None,
        hear: Hear | None = None,
    ) -> dict[str, float]:
        """See `Learner.step`. Raises LostProcess too."""
        batch = signals if isinstance(signals, Batch) else merge(signals)
        with processes.ordering(Step(batch, magnet, reference_kl, self.config, self.learning_rate)):
            return super().step(batch, magnet, reference_kl, hear)

    def forget(self) -> None:
        """See `ShardedLearner.forget`."""
        with processes.ordering(Forget()):
            super().forget()

    def state_dict(self) -> State:
        """See `ShardedLearner.state_dict`."""
        with processes.ordering(Gather()):
            return super().state_dict()

    def load_state_dict(self, state: State) -> None:
        """See `ShardedLearner.load_state_dict`."""
        without = {
            index: {name: None if value.dim() else value for name, value in kept.items()}
            for index, kept in state["optimizer"]["state"].items()
        }
        with processes.ordering(Load({**state, "optimizer": {**state["optimizer"], "state": without}})):
            super().load_state_dict(state)


@dataclass(frozen=True, slots=True)
class Step:
    """Take a step on a batch."""

    batch: Batch
    magnet: float
    reference_kl: float | None
    config: LearnerConfig
    """A method may have changed it."""
    learning_rate: float

    def __call__(self, learner: Learner) -> None:
        """Do so."""
        learner.config, learner.learning_rate = self.config, self.learning_rate
        learner.step(self.batch, self.magnet, self.reference_kl)


@dataclass(frozen=True, slots=True)
class Forget:
    """Begin anew from the leader's weights."""

    def __call__(self, learner: Learner) -> None:
        """Do so."""
        learner.forget()


@dataclass(frozen=True, slots=True)
class Gather:
    """Give the leader the optimizer's state."""

    def __call__(self, learner: Learner) -> None:
        """Do so."""
        learner.state_dict()


@dataclass(frozen=True, slots=True)
class Load:
    """Take a state whose moments the leader has."""

    state: State

    def __call__(self, learner: Learner) -> None:
        """Do so."""
        learner.load_state_dict(self.state)


@dataclass(frozen=True, slots=True)
class Follow:
    """Load the model of these settings, and follow."""

    config: RunConfig
