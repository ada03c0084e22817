"""A training method: which matches an update plays, and what their episodes teach. `run.py` does everything else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.trainers.batch import Signal
from sparring.trainers.config import RunConfig
from sparring.trainers.state import State
from sparring.trainers.tasks import name_of
from sparring.types import Episode, derive_seed

if TYPE_CHECKING:
    from sparring.agents.models.trainable import TrainableModel
    from sparring.trainers.run import Run

LEARNER = "learner"
"""What matches call the player under training."""
ConfigT = TypeVar("ConfigT", bound=RunConfig)


class Method(ABC, Generic[ConfigT]):
    """What is new about a method. Only `signals` has to be written; by default an update is self-play of all games."""

    name: ClassVar[str]
    """As it is registered."""
    config_type: ClassVar[type[RunConfig]]
    """Its settings: a frozen dataclass, whose field docstrings are the help of the command line."""
    learns_held_out: ClassVar[bool] = False
    """Whether it may be given held-out tasks to learn from: where learning there is what is measured."""

    def __init__(self, run: Run[ConfigT]) -> None:
        self.run, self.config = run, run.config

    @classmethod
    def require_usable(cls, config: ConfigT) -> None:
        """Raises ValueError for settings that this method cannot work with, before a model is loaded."""

    @abstractmethod
    def signals(self, episodes: Sequence[Episode]) -> Iterable[Signal]:
        """What the episodes of an update teach. Faults among them are to be left out (`guards.trained`)."""

    def matches(self, update: int) -> Iterable[Match]:
        """The matches of an update, made by `match`. A function of the update and of what `state_dict` holds."""
        return (self.match(update, index) for index in range(self.config.games_per_update))

    def match(self, update: int, index: int, others: Mapping[str, str] | None = None) -> Match:
        """The index-th match of an update, in the games by turns; `others`: seat -> agent that is not the learner."""
        config, name = self.config, f"update-{update}/{index}"
        env_id = config.games[index % len(config.games)]
        agents = dict.fromkeys(seats_of(env_id), LEARNER) | dict(others or {})
        seed = derive_seed(config.seed, name)
        return Match(name, env_id, agents, seed, config.env_kwargs(), task=name, group=f"update-{update}")

    def attempt(
        self, update: int, index: int, env_id: str, task: int, sample: int, others: Mapping[str, str] | None = None
    ) -> Match:
        """The index-th match of an update: one of several attempts at a task, which a number names."""
        name = name_of(task)
        match = self.match(update, index)
        agents = dict.fromkeys(seats_of(env_id), LEARNER) | dict(others or {})
        seed = derive_seed(self.config.seed, name)
        return replace(match, env_id=env_id, agents=agents, seed=seed, sample=sample, task=name)

    def agents(self, update: int) -> Mapping[str, Agent]:
        """The agents of an update's matches that neither are the learner nor have a spec for a name."""
        return {}

    def ids(self, update: int) -> Iterator[str]:
        """The ids of all matches that an update may play."""
        return (f"update-{update}/{index}" for index in range(self.config.games_per_update))

    def loss_weights(self, update: int) -> Mapping[str, float]:
        """Weights of the learner's regularisers in an update, `magnet` and `reference_kl`; metrics hold them too."""
        return {}

    @property
    def staleness(self) -> int:
        """How many updates old the weights are that play; 0 where games depend on what was learnt just before."""
        return 0

    def load_reference(self) -> TrainableModel:
        """What `reference_kl` and pairs are measured from: the model as it was at the start."""
        return self.run.model.reference() or self.run.load_model()

    def learns(self, update: int) -> bool:
        """Whether an update learns; False for one that only plays."""
        return True

    def part(self, update: int) -> str:
        """What an update does, in a word, where a method's updates differ; figures of like ones are compared."""
        return ""

    def may_end(self, done: int) -> bool:
        """Whether a run may end after so many updates because its budget is spent: not within a round."""
        return True

    def after_update(self) -> None:
        """The weights have changed, and `run.done` counts the update."""

    def after_checkpoint(self, kept: int) -> None:
        """A checkpoint was written; files that only checkpoints before the last `kept` rest on can go."""

    def state_dict(self) -> State:
        """What a checkpoint must hold beside weights and optimizer, as plain data."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""

    def require_whole(self, state: State) -> None:
        """Raises DamagedFile where files that a state rests on are damaged."""
