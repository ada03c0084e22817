"""Imitation: plain cross-entropy on the legal actions that somebody else took, in a store of episodes.

The run's own agent is led through every trajectory with a model that says what the expert did (`DictatedModel`), so the
prompt, the form of the answer and the tokens are those that the agent will play with: choosing or writing freely, in
questions or in a conversation. Illegal actions are not imitated, nor those that the agent's form cannot say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sparring import registry
from sparring.agents.dictation import answer_of
from sparring.agents.models.dictated import DictatedModel
from sparring.protocols import Seat
from sparring.rollout.loop import act_now
from sparring.rollout.match import Match
from sparring.store.rows import EpisodeRow
from sparring.store.run_files import episodes_of
from sparring.store.store import Store
from sparring.trainers.batch import Signal
from sparring.trainers.cursor import cursor_of, require_stored
from sparring.trainers.method import Method
from sparring.trainers.methods.imitate_config import Config
from sparring.trainers.run import Run
from sparring.trainers.state import State
from sparring.types import Episode, Observation, Trajectory, Turn, derive_seed

__all__ = ["Config", "Imitate"]


class Place(NamedTuple):
    """Where somebody sat that is imitated."""

    id: str
    """Of the episode."""
    seat: str
    game: str
    """As the settings name it."""


@registry.trainers.register(
    "imitate", family="imitation", extra="train", config="sparring.trainers.methods.imitate_config:Config"
)
class Imitate(Method[Config]):
    """Cross-entropy on the episodes of a good agent, or of a person: a start for RL."""

    name = "imitate"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.model = DictatedModel(run.model)
        self.agent = run.agent(self.model, self.config.model, trainable=True)
        self.store = Store(_folder(self.config))
        self.cursor = cursor_of(self.store)
        self.places = places_of(self.store, self.config, self.store.count)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError where there is nothing to imitate, DamagedStore."""
        if not config.source:
            raise ValueError("imitate needs episodes to imitate: --from STORE, or a run folder")
        with Store(_folder(config)) as store:
            if not places_of(store, config, store.count):
                by = sorted({f"{name} in {row.env_id}" for row in store.rows() for name in row.agents.values()})
                whom = f"by {config.expert!r} " if config.expert else ""
                raise ValueError(
                    f"{config.source} holds no whole episode {whom}in {', '.join(config.games)}; it holds episodes of: "
                    f"{', '.join(by[:10]) or 'nobody'}"
                )

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
            trajectory, weights = self.retold(stored[place.id], place.seat)
            unsaid, turns = unsaid + weights.count(0.0), turns + len(weights)
            for signal in self.run.signals_of(trajectory, place.game, imitation=weights):
                yield replace(signal, sampling_logprobs=(math.nan,) * len(signal.targets))
        self.run.measure("imitated", turns - unsaid)
        self.run.measure("not_imitated", unsaid)

    def retold(self, episode: Episode, seat: str) -> tuple[Trajectory, list[float]]:
        """A trajectory as the run's agent would have recorded it, and the weight of each of its turns."""
        if {**registry.envs.row(episode.env_id).kwargs, **episode.env_kwargs}.get("split") == "held_out":
            raise ValueError(f"episode {episode.id} is a held-out task, which is not to be trained on")
        trajectory = episode.trajectories[seat]
        place = Seat(episode.env_id, seat, episode.id, episode.seed, episode.sample, episode.task, episode.env_kwargs)
        player, turns, weights = self.agent.open(place), list[Turn](), list[float]()
        for number, turn in enumerate(trajectory.turns):
            seen = turn.observation
            self.model.told(answer_of(self.agent, turn.action, seen.legal_actions), turn.action)
            reply = act_now(player, Observation(seen.content, seen.legal_actions, turn=number, info=seen.info))
            turns.append(replace(turn, calls=reply.calls))
            weights.append(float(turn.legal and reply.action == turn.action))
        return replace(trajectory, turns=tuple(turns)), weights

    def state_dict(self) -> State:
        """How much of the store there was: what comes later is not imitated."""
        return {"source": self.cursor}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave. Raises RunError where the store has lost some of it."""
        require_stored(_folder(self.config), state["source"])
        self.cursor = state["source"]
        self.places = places_of(self.store, self.config, self.cursor["count"])


def _folder(config: Config) -> Path:
    return episodes_of(Path(config.source))


def places_of(store: Store, config: Config, count: int) -> list[Place]:
    """Where the expert sat in whole episodes of the run's games, among the first `count` of a store."""
    options = {game: registry.envs.parts(game) for game in config.games}
    found = []
    for row in store.rows(limit=count):
        seats = [seat for seat, agent in row.agents.items() if config.expert in ("", agent) and row.turns[seat]]
        game = _game_of(row, store, options) if row.sound and seats else None
        found += [Place(row.id, seat, game) for seat in seats if game is not None]
    return found


def _game_of(row: EpisodeRow, store: Store, options: Mapping[str, tuple[str, Mapping[str, object]]]) -> str | None:
    """The run's game that an episode is of: named alike, or one whose options it was played with."""
    if row.env_id in options:
        return row.env_id
    named = [game for game, (env_id, kwargs) in options.items() if kwargs and env_id == row.env_id]
    played = dict(store.get(row.id).env_kwargs) if named else {}
    return next((game for game in named if options[game][1].items() <= played.items()), None)
