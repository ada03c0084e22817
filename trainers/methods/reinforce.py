"""REINFORCE (Williams 1992) on any environment: every return against a baseline that does not depend on it.

Deviations: the truncated importance weight and the clip of the learner, which do nothing at one epoch; returns are
counted by turn where `credit="turn"` (the causal form: rewards from the turn on). The moving baseline is that of
SPIRAL's RAE, by environment and seat; the linear one knows the number of the turn too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring import registry
from sparring.trainers.advantages import LinearBaselines, RoleBaselines, group_relative, reinforce
from sparring.trainers.methods.episodic import Attempt, Episodic, by_turn
from sparring.trainers.methods.reinforce_config import Config
from sparring.trainers.run import Run
from sparring.trainers.state import State

__all__ = ["Config", "Reinforce"]


@registry.trainers.register(
    "reinforce", family="RL", extra="train", config="sparring.trainers.methods.reinforce_config:Config"
)
class Reinforce(Episodic[Config]):
    """REINFORCE with a moving or a learned baseline, on any environment."""

    name = "reinforce"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.estimator = self.config.baseline
        self.baselines = RoleBaselines(self.config.baseline_decay)
        self.lines = LinearBaselines(self.config.baseline_decay)

    def advantages(self, attempts: Sequence[Attempt]) -> Sequence[np.ndarray | None]:
        """Every turn's return minus the baseline of its environment and seat."""
        if not attempts:
            return []
        roles = [(attempt.game, attempt.trajectory.seat) for attempt in attempts for _ in attempt.returns_T]
        returns = np.concatenate([attempt.returns_T for attempt in attempts])
        if self.config.baseline == "moving":
            return by_turn(attempts, self.baselines.advantages(list(returns), roles))
        if self.config.baseline == "linear":
            turns = [turn for attempt in attempts for turn in range(len(attempt.returns_T))]
            return by_turn(attempts, self.lines.advantages(list(returns), roles, turns))
        batch = self.config.baseline == "batch"
        return by_turn(attempts, group_relative(returns, roles, normalise=False) if batch else reinforce(returns))

    def state_dict(self) -> State:
        """Tasks and baselines."""
        return {**super().state_dict(), "baselines": self.baselines.state_dict(), "lines": self.lines.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        super().load_state_dict(state)
        self.baselines.load_state_dict(state["baselines"])
        self.lines.load_state_dict(state["lines"])
