r"""GRPO: several attempts at one task, held against each other (arXiv 2402.03300, section 4.1), on any environment.

What the paper does: for a question it samples a group of answers, and the advantage of each token of an answer is the
answer's reward minus the group's mean, divided by the group's standard deviation; a clipped surrogate; a KL penalty to
the model before RL, estimated by k3 (equation 4); sums over tokens divided by each answer's length.

What we do otherwise, and why:
1. An attempt is an episode of any length: the matches of a group share the seed (the task) and differ in the sample.
2. Sums over freely written tokens are divided by a constant (Dr. GRPO, arXiv 2503.20783), so that long wrong answers
   are not favoured; `normalise=False` leaves out the division by the spread too.
3. `credit="turn"`: a turn is credited with the rewards from it on, summed first and held against the mean over all
   turns of the group then (the order of MARSHAL, arXiv 2510.15414).
4. Groups of equal returns teach nothing: they are counted (`equal_groups`) and cost no forward pass.
5. Every seat that the model plays is a group of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from sparring import registry
from sparring.trainers.advantages import batch_normalised, group_relative, leave_one_out
from sparring.trainers.methods.episodic import Attempt, Episodic, by_turn
from sparring.trainers.methods.grpo_config import Config

__all__ = ["Config", "Grpo"]


GrpoT = TypeVar("GrpoT", bound=Config)


class GroupRelative(Episodic[GrpoT]):
    """Attempts held against the other attempts at the same task."""

    @property
    def estimator(self) -> str:  # type: ignore[override]
        """As the settings name it."""
        return self.config.estimator

    def advantages(self, attempts: Sequence[Attempt]) -> Sequence[np.ndarray | None]:
        """Held against the other attempts at the same task; groups without a spread teach nothing."""
        ends: dict[tuple[str, str], set[float]] = {}
        for attempt in attempts:
            ends.setdefault(attempt.group, set()).update(map(float, attempt.returns_T))
        learnt = [attempt for attempt in attempts if len(ends[attempt.group]) > 1]
        self.run.measure("equal_groups", sum(len(values) < 2 for values in ends.values()) / max(1, len(ends)))
        found = {attempt.trajectory.id: values for attempt, values in zip(learnt, self._relative(learnt), strict=True)}
        return [found.get(attempt.trajectory.id) for attempt in attempts]

    def _relative(self, attempts: Sequence[Attempt]) -> list[np.ndarray]:
        if not attempts:
            return []
        if self.config.credit == "turn":
            turns = [attempt.group for attempt in attempts for _ in attempt.returns_T]
            return by_turn(attempts, self._estimate(np.concatenate([a.returns_T for a in attempts]), turns))
        values = self._estimate(np.array([a.value for a in attempts]), [a.group for a in attempts])
        return [np.full(len(a.returns_T), value) for a, value in zip(attempts, values, strict=True)]

    def _estimate(self, returns_B: np.ndarray, groups: Sequence[tuple[str, str]]) -> np.ndarray:
        if self.config.estimator == "leave-one-out":
            return leave_one_out(returns_B, groups)
        if self.config.estimator == "batch":
            return batch_normalised(returns_B, groups)
        return group_relative(returns_B, groups, self.config.normalise)


@registry.trainers.register("grpo", family="RL", extra="train", config="sparring.trainers.methods.grpo_config:Config")
class Grpo(GroupRelative[Config]):
    """Group-relative RL on any environment (GRPO, Dr. GRPO, RLOO)."""

    name = "grpo"
    config_type = Config
