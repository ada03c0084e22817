r"""SPIRAL: self-play on zero-sum games with role-conditioned advantages (arXiv 2506.24119).

What the paper does: one shared policy plays every seat of a zero-sum game; each trajectory's advantage is its return
minus a moving average per (game, role) (equation 2); REINFORCE on the whole answer, no length normalisation.

What we do otherwise, and why:
1. The policy may choose among the legal actions by its own renormalised distribution (`decoding="legal"`): no illegal
   moves to learn first, an exact policy at every step, and equal samples that merge. `decoding="free"` is the paper's.
2. A magnet: KL to the uniform distribution over legal actions, averaged over the distinct decisions of each game, its
   weight falling geometrically (annealed magnetic mirror descent, arXiv 2206.05825). Without it self-play settles on
   a pure strategy; with it the last iterate comes close to equilibrium. Rewards are counted in units of the game's
   stake (half the range of its rewards), so that one weight fits games of 1 and of 13 chips.
3. A league of frozen past checkpoints takes a seat in some matches. Frozen seats never train.
4. Results are held against what followed when the same was seen before (`trainers/state_baselines.py`); where nothing
   was, against the role's mean. `estimator="rae"` is the paper's baseline alone.
5. Forfeits are a zero-sum, separate part of the reward (the paper's -1.5 / +0.5 is `illegal="spiral"`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sparring import registry
from sparring.agents.models.trainable import LocalModel
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.trainers.advantages import RoleBaselines, group_relative, reinforce
from sparring.trainers.batch import Signal
from sparring.trainers.data.guards import trained
from sparring.trainers.league import League, frozen_seat
from sparring.trainers.method import Method
from sparring.trainers.methods.spiral_config import Config
from sparring.trainers.run import Run
from sparring.trainers.stakes import scales_of
from sparring.trainers.state import State
from sparring.trainers.state_baselines import StateBaselines
from sparring.types import Episode, Trajectory

__all__ = ["Config", "Spiral"]

FROZEN = "league"
"""What matches call a past checkpoint."""


@registry.trainers.register(
    "spiral", family="self-play RL", extra="train", config="sparring.trainers.methods.spiral_config:Config"
)
class Spiral(Method[Config]):
    """Self-play RL with role-conditioned advantages (SPIRAL)."""

    name = "spiral"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.baselines = RoleBaselines(self.config.baseline_decay)
        self.states = StateBaselines()
        self.league = League(run.folder.checkpoints.path / "league", self.config.league_size)
        self.frozen: LocalModel | None = None
        self.stakes = scales_of(self.config, stakes=True)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for a game of one seat."""
        for game in config.games:
            seats = registry.envs.row(game).seats
            if seats < 2:
                raise ValueError(f"spiral needs games of two seats or more, {game} has {seats}")

    def matches(self, update: int) -> Iterator[Match]:
        """Self-play, and a past checkpoint in one seat of some matches."""
        for index in range(self.config.games_per_update):
            seat = self._frozen_seat(update, index) if self._opponent(update) else None
            yield self.match(update, index, {seat: FROZEN} if seat else {})

    def _frozen_seat(self, update: int, index: int) -> str | None:
        """By how many matches of the same game come before, in the whole run."""
        games = len(self.config.games)
        per_update = len(range(index % games, self.config.games_per_update, games))
        seats = seats_of(self.config.games[index % games])
        return frozen_seat(update * per_update + index // games, seats, self.config.league_share)

    def _opponent(self, update: int) -> str | None:
        """The past checkpoint of an update; None while the league is empty."""
        return self.league.draw(self.config.seed, update) if self.config.league_share else None

    def agents(self, update: int) -> Mapping[str, Agent]:
        """The past checkpoint, in a model of its own."""
        name = self._opponent(update)
        if name is None:
            return {}
        if self.frozen is None:
            self.frozen = self.run.load_model()
        if self.frozen.weights_version != name:
            self.frozen.sync(self.league.weights(name), name)
        return {FROZEN: self.run.agent(self.frozen, f"{self.config.model} (league)", trainable=False)}

    def signals(self, episodes: Sequence[Episode]) -> Iterator[Signal]:
        """The `rl` stream: the advantage of every turn that learns; the store keeps its mean by trajectory."""
        pairs = list(trained(episodes))
        returns = np.array([trajectory.reward / self.stakes[game] for game, trajectory in pairs])
        advantages = self._advantages(returns, pairs)
        columns = {t.id: float(np.mean(a)) for (_, t), a in zip(pairs, advantages, strict=True) if len(a)}
        self.run.keep(self.config.estimator, "advantage", columns)
        for (game, trajectory), advantages_T in zip(pairs, advantages, strict=True):
            yield from self.run.signals_of(trajectory, game, advantage=list(map(float, advantages_T)))

    def _advantages(self, returns_B: np.ndarray, pairs: Sequence[tuple[str, Trajectory]]) -> list[np.ndarray]:
        """One array a trajectory, one number a turn."""
        roles = [(game, trajectory.seat) for game, trajectory in pairs]
        if self.config.estimator == "group":
            advantages_B = group_relative(returns_B, roles, normalise=False)
        elif self.config.estimator == "reinforce":
            advantages_B = reinforce(returns_B)
        else:
            advantages_B = self.baselines.advantages(list(returns_B), roles)
        turns = [len(trajectory.turns) for _, trajectory in pairs]
        flat = np.repeat(advantages_B, turns)
        if self.config.estimator == "state":
            seen = [
                (*role, turn.observation.content) for role, (_, t) in zip(roles, pairs, strict=True) for turn in t.turns
            ]
            returns = np.repeat(returns_B, turns)
            flat = self.states.advantages(returns, seen, returns - flat)
        return np.split(flat, np.cumsum(turns)[:-1])

    @property
    def staleness(self) -> int:
        """As set."""
        return self.config.staleness

    def loss_weights(self, update: int) -> Mapping[str, float]:
        """The magnet's."""
        return {"magnet": self.run.schedule.value(update, self.config.magnet, self.config.magnet_final)}

    def after_update(self) -> None:
        """Let the weights join the league, now and then."""
        if self.run.done % self.config.league_every == 0:
            self.league.add(f"update-{self.run.done}", self.run.model.weights())

    def after_checkpoint(self, kept: int) -> None:
        """Snapshots that no checkpoint needs any more go."""
        self.league.prune(kept)

    def state_dict(self) -> State:
        """Baselines and league."""
        state = {"baselines": self.baselines.state_dict(), "league": self.league.state_dict()}
        return {**state, "states": self.states.state_dict()} if self.config.estimator == "state" else state

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.baselines.load_state_dict(state["baselines"])
        if self.config.estimator == "state":
            self.states.load_state_dict(state["states"])
        self.league.load_state_dict(state["league"])

    def require_whole(self, state: State) -> None:
        """Raises DamagedFile unless the league's snapshots are as they were."""
        self.league.require_whole(state["league"])
