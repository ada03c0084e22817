r"""Sharpening: a model learns what it finds likeliest itself, with no reward from outside (arXiv 2412.01951).

What the paper does: the self-reward of an answer is r(y | x) = log pi_base(y | x).
SFT form: y* is the likeliest of N samples; fit log pi(y* | x).
RLHF form: max E_pi[r] - beta KL(pi || pi_base), whose optimum is pi proportional to pi_base^(1 + 1 / beta); fitted by
regression of beta times the difference of log pi / pi_base in a pair of samples on their difference of r.

What we do otherwise, and why:
1. y is an episode of any length, and log pi_base the sum over the tokens that the model chose, as the store holds them.
2. A second round sharpens the sharpened policy by its own word; the paper has one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from sparring import registry
from sparring.trainers.evolving.evolving import Evolving, Stage
from sparring.trainers.evolving.rows import Pair, Row, by_task, distinct
from sparring.trainers.methods.sharpening_config import Config
from sparring.trainers.run import Run

__all__ = ["Config", "Sharpening"]


@registry.trainers.register(
    "sharpening", family="self-evolution", extra="train", config="sparring.trainers.methods.sharpening_config:Config"
)
class Sharpening(Evolving[Config]):
    """Learning what the model itself finds likeliest (sharpening, SFT and RLHF form)."""

    name = "sharpening"
    config_type = Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        run.learner.config = replace(run.learner.config, pair_beta=self.config.beta)

    def select(self, stage: Stage) -> list[Row | Pair]:
        """The likeliest attempt at each task; or neighbours in likelihood, with the difference."""
        found: list[Row | Pair] = []
        for attempts in by_task(distinct(self.attempts(stage.round))).values():
            ranked = sorted(attempts, key=likelihood, reverse=True)
            if self.config.form == "sft":
                found.append(ranked[0])
            else:
                found += [Pair(a, b, likelihood(a) - likelihood(b)) for a, b in pairwise(ranked)]
        return found


def likelihood(row: Row) -> float:
    """Log-probability of all that the model generated in a trajectory, nats, under the weights that played it."""
    calls = (call for turn in row.trajectory.turns for call in turn.calls if call.policy.trainable)
    return sum(sum(segment.logprobs or ()) for call in calls for segment in call.segments)
