"""What methods share that learn from whole episodes of any environment: attempts at tasks, seats, returns, horizons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from sparring.agents import named
from sparring.exports.guards import own_trajectories
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.trainers.advantages import returns_to_go
from sparring.trainers.batch import Signal
from sparring.trainers.method import Method
from sparring.trainers.methods.episodic_config import EpisodicConfig
from sparring.trainers.probing import require_playable
from sparring.trainers.run import Run
from sparring.trainers.stakes import scales_of
from sparring.trainers.state import State
from sparring.trainers.tasks import Tasks
from sparring.types import Episode, Trajectory

EpisodicT = TypeVar("EpisodicT", bound=EpisodicConfig)


class Attempt(NamedTuple):
    """A trajectory that is learnt from."""

    game: str
    task: str
    trajectory: Trajectory
    value: float
    """Its whole return, in units of the game's scale."""
    returns_T: np.ndarray
    """One a turn, in these units too."""

    @property
    def group(self) -> tuple[str, str]:
        """Attempts that are held against each other: at one task, from one seat."""
        return self.task, self.trajectory.seat


class Episodic(Method[EpisodicT]):
    """Attempts at tasks; a subclass says what each turn of them is worth."""

    estimator: str
    """What the column of advantages is called."""

    def __init__(self, run: Run[EpisodicT]) -> None:
        super().__init__(run)
        self.scales = scales_of(self.config, stakes=False)
        self.tasks = Tasks(self.config.seed, self.config.tasks)
        self.opponents = {spec: named.make(spec) for spec in self.config.opponents}
        for game in self.config.games:
            for spec, agent in self.opponents.items():
                require_playable("opponents", game, spec, agent, self.config.env_kwargs())

    @classmethod
    def require_usable(cls, config: EpisodicT) -> None:
        """Raises ValueError for groups that do not come out even, and for opponents where there is no seat for them."""
        if config.games_per_update % config.attempts:
            raise ValueError(
                f"games_per_update must be a multiple of group_size, {config.attempts}, got {config.games_per_update}"
            )
        alone = [game for game in config.games if len(seats_of(game)) == 1]
        if config.opponents and alone:
            raise ValueError(f"opponents need a seat to play in, and {alone[0]} has one seat, which the model takes")
        if any(horizon < 1 for horizon in config.horizons) or list(config.horizons) != sorted(config.horizons):
            raise ValueError(f"horizons must grow from 1 on, got {', '.join(map(str, config.horizons))}")
        if config.discount != 1.0 and config.credit != "turn":
            raise ValueError(f"discount {config.discount} needs credit 'turn', got credit {config.credit!r}")

    @abstractmethod
    def advantages(self, attempts: Sequence[Attempt]) -> Sequence[np.ndarray | None]:
        """Of every turn of every attempt; None for an attempt that teaches nothing."""

    def matches(self, update: int) -> Iterator[Match]:
        """Groups of attempts at one task, the games by turns; opponents and seats by turns of whole groups."""
        config, horizon = self.config, self._horizon(update)
        groups = config.games_per_update // config.attempts
        for group, task in enumerate(self.tasks.draw(update, groups)):
            env_id = config.games[task % len(config.games)]
            others = self._opponents(env_id, update * groups + group)
            first = update * config.attempts if config.tasks else 0  # a task that comes again: other attempts at it
            for sample in range(config.attempts):
                index = group * config.attempts + sample
                match = self.attempt(update, index, env_id, task, first + sample, others)
                yield match if horizon is None else replace(match, max_steps=horizon)

    def agents(self, update: int) -> Mapping[str, Agent]:
        """The opponents, run folders among them."""
        return self.opponents

    def _opponents(self, env_id: str, group: int) -> dict[str, str]:
        """Everybody but the learner, whose seat moves on from group to group; nobody where it plays all seats."""
        if not self.config.opponents:
            return {}
        seats, own = seats_of(env_id), group % len(seats_of(env_id))
        opponent = self.config.opponents[group // len(seats) % len(self.config.opponents)]
        return {seat: opponent for place, seat in enumerate(seats) if place != own}

    def _horizon(self, update: int) -> int | None:
        horizons = self.config.horizons
        return horizons[min(update // self.config.horizon_every, len(horizons) - 1)] if horizons else None

    def signals(self, episodes: Sequence[Episode]) -> Iterator[Signal]:
        """The `rl` stream of every attempt that teaches something."""
        attempts = [
            self._attempt(episode, trajectory) for episode in episodes for trajectory in own_trajectories(episode)
        ]
        self.tasks.record([(a.task, a.trajectory.reward) for a in attempts])
        found = zip(attempts, self.advantages(attempts), strict=True)
        learnt = [(attempt, values) for attempt, values in found if values is not None and len(values)]
        means = {attempt.trajectory.id: float(np.mean(values)) for attempt, values in learnt}
        self.run.keep(self.estimator, "advantage", means)
        for attempt, values in learnt:
            yield from self.signals_of(attempt, list(map(float, values)))

    def signals_of(self, attempt: Attempt, advantages: Sequence[float]) -> Iterable[Signal]:
        """Of one attempt, given an advantage for each turn."""
        return self.run.signals_of(attempt.trajectory, attempt.game, advantage=advantages)

    def _attempt(self, episode: Episode, trajectory: Trajectory) -> Attempt:
        """With one return a turn: the episode's for each, or the rewards from the turn on."""
        scale, game = self.scales[episode.env_id], episode.env_id
        returns_T = np.full(len(trajectory.turns), trajectory.reward)
        if self.config.credit == "turn":
            returns_T = returns_to_go([turn.reward for turn in trajectory.turns], self.config.discount)
        return Attempt(game, episode.task or episode.id, trajectory, trajectory.reward / scale, returns_T / scale)

    @property
    def staleness(self) -> int:
        """As set."""
        return self.config.staleness

    def loss_weights(self, update: int) -> Mapping[str, float]:
        """The magnet's."""
        return {"magnet": self.run.schedule.value(update, self.config.magnet, self.config.magnet_final)}

    def state_dict(self) -> State:
        """How difficult tasks are."""
        return {"tasks": self.tasks.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.tasks.load_state_dict(state["tasks"])


def by_turn(attempts: Sequence[Attempt], values: np.ndarray) -> list[np.ndarray]:
    """A flat array over the turns of all attempts, cut into one array an attempt."""
    ends = np.cumsum([len(attempt.returns_T) for attempt in attempts])
    return list(np.split(values, ends[:-1]))
