r"""KDRL: reinforcement learning and distillation from a teacher in one loss (arXiv 2506.02208).

What the paper does: J = J_GRPO - beta KL(pi || pi_teacher), the divergence on the student's own samples. With
d = log pi - log pi_teacher of a token, it takes k2 = d^2 / 2: its gradient by autograd, E[d grad log pi], is that of
the reverse KL. The gradient of k3 = exp(-d) - 1 + d is that of the forward KL. beta falls linearly from 5e-3 to 1e-3,
and reward-guided masking asks the teacher on wrong answers only, or only in groups without a right one.

What we do otherwise, and why:
1. A group whose returns are all equal teaches nothing by GRPO; where the teacher is asked, it is learnt from anyway.
2. The teacher is any model with the student's tokens: with others a log-probability of the same token says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from sparring import registry
from sparring.agents import models
from sparring.agents.models.trainable import TrainableModel
from sparring.trainers.batch import Signal
from sparring.trainers.evolving.rows import has_succeeded
from sparring.trainers.methods.episodic import Attempt
from sparring.trainers.methods.grpo import GroupRelative
from sparring.trainers.methods.kdrl_config import Config
from sparring.trainers.run import Run

__all__ = ["Config", "Kdrl"]


@registry.trainers.register(
    "kdrl", family="self-evolution", extra="train", config="sparring.trainers.methods.kdrl_config:Config"
)
class Kdrl(GroupRelative[Config]):
    """GRPO with a teacher's reverse KL on the student's own samples (KDRL)."""

    name = "kdrl"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.teacher = models.load_trainable(self.config.teacher, device=self.config.device, seed=self.config.seed)
        if self.teacher.tokenizer_fingerprint != run.model.tokenizer_fingerprint:
            raise ValueError(f"teacher {self.config.teacher} has other tokens than the model {self.config.model}")
        self._asked: set[str] = set()

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError without a teacher, and for a second divergence."""
        super().require_usable(config)
        if not config.teacher:
            raise ValueError("kdrl needs a teacher: --teacher MODEL, with the tokens of --model")
        if config.reference_kl:
            raise ValueError(
                f"reference_kl must be 0: the divergence of kdrl is the teacher's, distil; got {config.reference_kl:g}"
            )

    def load_reference(self) -> TrainableModel:
        """The teacher."""
        return self.teacher

    def loss_weights(self, update: int) -> dict[str, float]:
        """The magnet's, and how much the teacher's word counts."""
        distil = self.run.schedule.value(update, self.config.distil, self.config.distil_final, "linear")
        return {**super().loss_weights(update), "reference_kl": distil}

    def advantages(self, attempts: Sequence[Attempt]) -> Sequence[np.ndarray | None]:
        """GRPO's; nothing where GRPO learns nothing and the teacher is asked."""
        self._asked = {attempt.trajectory.id for attempt in self._where_asked(attempts)}
        self.run.measure("distilled", len(self._asked) / max(1, len(attempts)))
        return [
            np.zeros(len(attempt.returns_T)) if found is None and attempt.trajectory.id in self._asked else found
            for attempt, found in zip(attempts, super().advantages(attempts), strict=True)
        ]

    def signals_of(self, attempt: Attempt, advantages: Sequence[float]) -> Iterable[Signal]:
        """With the teacher's word where it is asked."""
        asked = attempt.trajectory.id in self._asked
        return (replace(signal, referenced=asked) for signal in super().signals_of(attempt, advantages))

    def _where_asked(self, attempts: Sequence[Attempt]) -> Iterable[Attempt]:
        if not self.loss_weights(self.run.done)["reference_kl"]:
            return ()
        if self.config.mask == "none":
            return attempts
        right = [has_succeeded(attempt.trajectory, self.config.solved) for attempt in attempts]
        if self.config.mask == "wrong":
            return (attempt for attempt, is_right in zip(attempts, right, strict=True) if not is_right)
        solved = {attempt.group for attempt, is_right in zip(attempts, right, strict=True) if is_right}
        return (attempt for attempt in attempts if attempt.group not in solved)
