"""Imitation: plain cross-entropy on the legal actions that somebody else took, in a store of episodes.

The run's own agent is led through every trajectory with a model that says what the expert did (`DictatedModel`), so the
prompt, the form of the answer and the tokens are those that the agent will play with: choosing or writing freely, in
questions or in a conversation. Illegal actions are not imitated, nor those that the agent's form cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sparring import registry
from sparring.rollout.match import Match
from sparring.store.location import Location, location_of
from sparring.store.run_files import episodes_of
from sparring.store.store import Store
from sparring.trainers.batch import Signal
from sparring.trainers.cursor import cursor_of, require_stored
from sparring.trainers.data.guards import require_trainable_task
from sparring.trainers.evolving.places import places_of, who_is_there
from sparring.trainers.evolving.retelling import Retelling
from sparring.trainers.method import Method
from sparring.trainers.methods.imitate_config import Config
from sparring.trainers.run import Run
from sparring.trainers.state import State
from sparring.types import Episode, derive_seed

__all__ = ["Config", "Imitate"]


@registry.trainers.register(
    "imitate", family="imitation", extra="train", config="sparring.trainers.methods.imitate_config:Config"
)
class Imitate(Method[Config]):
    """Cross-entropy on the episodes of a good agent, or of a person: a start for RL."""

    name = "imitate"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.retelling = Retelling(run)
        self.store = Store(_folder(self.config))
        self.cursor = cursor_of(self.store)
        self.places = places_of(self.store, self.config.games, self.config.expert, self.store.count)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError where there is nothing to imitate, DamagedStore."""
        if not config.source:
            raise ValueError("imitate needs episodes to imitate: --from STORE, or a run folder")
        with Store(_folder(config)) as store:
            if not places_of(store, config.games, config.expert, store.count):
                raise ValueError(who_is_there(store, config.source, config.expert, config.games))

    def matches(self, update: int) -> Iterator[Match]:
        """None: everything was played before."""
        return iter(())

    def ids(self, update: int) -> Iterator[str]:
        """None."""
        return iter(())

    def signals(self, episodes: Sequence[Episode]) -> Iterator[Signal]:
        """The `ce` stream of some of the expert's trajectories, drawn anew at every update."""
        generator = np.random.default_rng(derive_seed(self.config.seed, "imitate", self.run.done))
        count = min(self.config.games_per_update, len(self.places))
        drawn = [self.places[place] for place in sorted(generator.choice(len(self.places), count, replace=False))]
        stored = self.store.get_many(place.id for place in drawn)
        unsaid = turns = 0
        for place in drawn:
            episode = stored[place.id]
            require_trainable_task(episode)
            signals, missed = self.retelling.signals(episode, place.seat, place.game)
            unsaid, turns = unsaid + missed, turns + len(episode.trajectories[place.seat].turns)
            yield from signals
        self.run.measure("imitated", turns - unsaid)
        self.run.measure("not_imitated", unsaid)

    def state_dict(self) -> State:
        """How much of the store there was: what comes later is not imitated."""
        return {"source": self.cursor}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave. Raises RunError where the store has lost some of it."""
        require_stored(_folder(self.config), state["source"])
        self.cursor = state["source"]
        self.places = places_of(self.store, self.config.games, self.config.expert, self.cursor["count"])


def _folder(config: Config) -> Location:
    return episodes_of(location_of(config.source))
