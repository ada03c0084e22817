"""The one learner: turns signals over stored trajectories into one weighted loss, and takes optimizer steps.

    loss = mean over games, over samples [ 1/L sum_M w surrogate(A) - ce logp + c kl(logp, reference) ]
           + magnet * mean over games, over decisions KL(pi || uniform)
           + mean over pairs -log sigmoid(beta (chosen - rejected)), or (beta (chosen - rejected) - gap)^2

Means over the samples of every game, then over games, by their weights: a game with many turns weighs no more than
another one. kl is k3 or k2. L is a constant length for freely written tokens, so that long answers are not favoured
(Dr. GRPO, arXiv 2503.20783), and 1 for tokens that were chosen among legal actions. w is the truncated importance
weight against the log-probabilities that the sampler stored. The magnet is the KL divergence between distributions over
legal *actions* (the chain rule over the tokens that spell them), averaged over the *distinct* decisions, so that rarely
visited ones are held as firmly as common ones. Pairs are DPO (arXiv 2305.18290, equation 7): chosen and rejected are
sums of logp - reference. No method has a loop of its own.

A step whose loss or gradient is not finite is not taken: weights and optimizer stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from sparring.agents.models.engine.packing import nodes_for
from sparring.agents.models.trainable import TrainableModel
from sparring.trainers import losses
from sparring.trainers.batch import Batch, Signal, merge, one_temperature, require_references
from sparring.trainers.progress import Hear, passes_heard
from sparring.trainers.state import State
from sparring.trainers.targets import Pass, Targets, gaps_of, logprobs_of, passes_of

FIRST_MOMENT = "exp_avg"
"""Its name in AdamW's state."""
APART, IMPORTANCE, CAPPED, SAMPLED = "differences", "importance weights", "weights at the cap", "sampled tokens"
MEANS = {"sampler_mismatch_mean": APART, "importance": IMPORTANCE, "importance_capped": CAPPED}
"""Metric -> what is summed over an update's sampled tokens."""
MOST_SKIPPED = 3
"""Updates in a row without a single step that end the training."""


class NothingLearnt(ValueError):
    """The loss or its gradient was not finite for too long."""


@dataclass(frozen=True, slots=True)
class LearnerConfig:
    """How weights are updated."""

    learning_rate: float = 1e-6
    """Step size, constant; of Adafactor as a share of the size of the weights."""
    optimizer: Literal["adamw", "adafactor"] = "adamw"
    """Adafactor (arXiv 1804.04235, torch's): factored second moments, no first ones."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW moment decays."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    epochs: int = 1
    """Optimizer steps on each batch; the clip matters from the second on."""
    clip: float = 0.2
    """PPO's range for the probability ratio, 1 - clip to 1 + clip."""
    importance_cap: float = 2.0
    """Truncation of the weight between the learner's and the sampler's probabilities."""
    reference_kl: float = 0.0
    """Weight of the KL penalty to the reference policy, where signals carry its log-probabilities."""
    reference_estimator: Literal["k3", "k2"] = "k3"
    """How that divergence is estimated from a token."""
    pair_beta: float = 0.1
    """DPO's beta: how far from the reference a preference may lead; smaller is farther."""
    pack_nodes: int | None = None
    """Tokens of one forward and backward pass, shared beginnings counted once; a longer sample has its own. Gradients
    of the passes are summed, so this decides how much memory a step takes, and not what is learnt. None: by the device.
    """
    length: int = 1
    """The constant that sums over freely written tokens are divided by: the longest answer. Choices are not divided."""


@dataclass(frozen=True, slots=True)
class StepWeights:
    """What one update weighs."""

    magnet: float
    reference_kl: float
    temperature: float
    """At which the samples were drawn."""
    gaps_P: Tensor
    """Of the pairs; nan: DPO."""
    margins_P: Tensor | None = None
    """None where there are no pairs."""


class Learner:
    """Owns the optimizer of one model. The model's parameters are trained in place, in fp32."""

    def __init__(self, model: TrainableModel, config: LearnerConfig) -> None:
        self.model, self.config = model, config
        self.pack_nodes = config.pack_nodes or nodes_for(model.device.type)
        self.updates = 0
        self.skipped = 0
        """Updates in a row, up to now, in which no step could be taken."""
        self.trained = [parameter for parameter in model.module.parameters() if parameter.requires_grad]
        """All parameters, or those of the adapter."""
        self.optimizer = _optimizer(self.trained, config)

    def step(
        self,
        signals: Iterable[Signal] | Batch,
        magnet: float = 0.0,
        reference_kl: float | None = None,
        hear: Hear | None = None,
    ) -> dict[str, float]:
        """One update from signals; returns what it measured. An empty batch changes nothing.

        `reference_kl`: for this update; None: that of the settings. `hear` is told how many passes are done.

        `skipped_steps` counts steps whose loss or gradient was not finite. Raises NothingLearnt after several in a row.
        """
        batch = signals if isinstance(signals, Batch) else merge(signals)
        if not batch.merged:
            return {"samples": 0.0}
        passes = self._passes(batch)
        require_references(batch)
        kl = self.config.reference_kl if reference_kl is None else reference_kl
        step = StepWeights(magnet, kl, one_temperature(batch), torch.tensor(gaps_of(batch), device=self.model.device))
        totals: dict[str, float] = {}
        skipped = 0.0
        for epoch in range(self.config.epochs):
            heard = passes_heard(hear, epoch * len(passes), self.config.epochs * len(passes))
            totals = self._epoch(passes, self._with_margins(step, passes), heard)
            skipped += totals["skipped_steps"]
        totals["skipped_steps"] = skipped
        self.updates += 1
        self._require_progress(skipped)
        self._announce()
        return {**totals, "samples": float(batch.size), "distinct": float(len(batch.merged))}

    def _passes(self, batch: Batch) -> list[Pass]:
        """What this process computes of a batch."""
        return passes_of(batch, self.pack_nodes, self.model.device)

    def _announce(self) -> None:
        """Say that the weights are new."""
        self.model.sync(None, f"update-{self.updates}")

    def _epoch(self, passes: list[Pass], step: StepWeights, heard: Callable[[int], None]) -> dict[str, float]:
        """One optimizer step over all passes."""
        self.optimizer.zero_grad(set_to_none=True)
        totals: dict[str, float] = {}
        for number, one in enumerate(passes, start=1):
            loss, measured = self._forward(one, step)
            loss.backward()
            add_measured(totals, measured)
            heard(number)
        totals, norm = self._over_processes(totals), self._clipped_norm()
        sound = math.isfinite(norm) and math.isfinite(totals["loss"])
        if sound:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if step.margins_P is not None:
            totals |= _pair_metrics(step.margins_P, self.config.pair_beta, step.gaps_P)
        sampled = max(totals.pop(SAMPLED), 1.0)
        totals |= {mean: totals.pop(total) / sampled for mean, total in MEANS.items()}
        return {**totals, "grad_norm": norm, "skipped_steps": float(not sound)}

    @torch.no_grad()
    def _with_margins(self, step: StepWeights, passes: list[Pass]) -> StepWeights:
        """With the margin of each pair [P], nats: how much more than the reference the policy prefers its one side."""
        if not len(step.gaps_P):
            return step
        margins_P = torch.zeros(len(step.gaps_P), device=self.model.device)
        for one in passes:
            self._add_margins(one, step.temperature, margins_P)
        return replace(step, margins_P=margins_P)

    def _add_margins(self, one: Pass, temperature: float, margins_P: Tensor) -> None:
        """Add what the samples of a pass are of the margins of their pairs."""
        with self.model.autocast():
            hidden_ND = self.model.hidden(one.packed)
            for targets in one.targets:
                logp_M, _ = logprobs_of(hidden_ND, targets, self.model.head, temperature)
                in_pair_M = targets.pairs_M >= 0
                parts_M = targets.sides_M * (logp_M - targets.reference_M)
                margins_P.index_add_(0, targets.pairs_M[in_pair_M], parts_M[in_pair_M])

    def _forward(self, one: Pass, step: StepWeights) -> tuple[Tensor, dict[str, float]]:
        """The loss of a pass, and its parts as numbers."""
        with self.model.autocast():
            hidden_ND = self.model.hidden(one.packed)
            parts = [self._loss(hidden_ND, targets, step) for targets in one.targets]
        measured = {"nodes": float(len(one.packed.token_ids))}
        for _, of_targets in parts:
            add_measured(measured, of_targets)
        return torch.stack([loss for loss, _ in parts]).sum(), measured

    def _over_processes(self, totals: dict[str, float]) -> dict[str, float]:
        """What all processes measured together: here there is one."""
        return totals

    def _clipped_norm(self) -> float:
        """The norm of the gradient, which is scaled down where that is too large."""
        return float(torch.nn.utils.clip_grad_norm_(self.trained, self.config.max_grad_norm))

    def _require_progress(self, skipped: float) -> None:
        """Raises ValueError where no step could be taken for too long."""
        self.skipped = self.skipped + 1 if skipped == self.config.epochs else 0
        if self.skipped >= MOST_SKIPPED:
            raise NothingLearnt(
                f"the loss or its gradient was not finite in {self.skipped} updates in a row, so nothing is learnt: "
                "the weights are as before them; start anew with a smaller learning_rate, or look at the rewards"
            )

    def _loss(self, hidden_ND: Tensor, targets: Targets, step: StepWeights) -> tuple[Tensor, dict[str, float]]:
        """The loss of some targets, and its parts as numbers."""
        config, measured = self.config, dict[str, float]()
        logp_M, logp_MA = logprobs_of(hidden_ND, targets, self.model.head, step.temperature)
        regulariser = logp_M.new_zeros(())
        if logp_MA is not None and targets.prior_MA is not None:
            regulariser = step.magnet * (losses.kl_to_prior(logp_MA, targets.prior_MA) * targets.decision_M).sum()
            measured["entropy"] = float((losses.entropy(logp_MA.detach()) * targets.decision_M).sum())
        if targets.old_M is None:
            targets.old_M = logp_M.detach()
        weight_M = losses.importance_weight(targets.old_M, targets.sampling_M, config.importance_cap)
        surrogate_M = losses.policy_gradient(
            logp_M, targets.old_M, targets.positive_advantage_M, targets.negative_advantage_M, config.clip, config.clip
        )
        token_M = weight_M * surrogate_M - targets.imitation_M * logp_M
        if step.reference_kl:
            kl = losses.kl_k2 if config.reference_estimator == "k2" else losses.kl_k3
            token_M = token_M + step.reference_kl * kl(logp_M, targets.reference_M) * targets.referenced_M
        loss = token_M.sum() / (config.length if targets.choices is None else 1) + regulariser
        if step.margins_P is not None:
            slope_P = losses.pair_slope(step.margins_P, config.pair_beta, step.gaps_P)
            loss = loss - (slope_P[targets.pairs_M.clamp(min=0)] * targets.sides_M * logp_M).sum()
        apart_M = (targets.old_M - targets.sampling_M).abs() * targets.sampled_M
        capped_M = weight_M.ge(config.importance_cap) * targets.sampled_M
        measured |= {"sampler_mismatch": float(apart_M.max()), APART: float(apart_M.sum())}
        measured |= {IMPORTANCE: float((weight_M * targets.sampled_M).sum()), CAPPED: float(capped_M.sum())}
        return loss, {**measured, SAMPLED: float(targets.sampled_M.sum()), "loss": float(loss.detach())}

    @property
    def learning_rate(self) -> float:
        """The optimizer's step size; may be set between updates."""
        return float(self.optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = value

    def forget(self) -> None:
        """Drop what the optimizer remembers: the weights are other ones now."""
        self.optimizer = _optimizer(self.trained, self.config)

    def state_dict(self) -> State:
        """Optimizer and counters; the weights are the model's.

        Without momentum the first moment is left out: it is the last gradient, and the next step overwrites it.
        """
        optimizer = self.optimizer.state_dict()
        if not self.config.betas[0]:
            moments = optimizer["state"].items()
            optimizer["state"] = {
                index: {name: value for name, value in kept.items() if name != FIRST_MOMENT} for index, kept in moments
            }
        return {"optimizer": optimizer, "updates": self.updates, "skipped": self.skipped}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.config.optimizer == "adamw":
            for kept in self.optimizer.state.values():
                kept.setdefault(FIRST_MOMENT, torch.zeros_like(kept["exp_avg_sq"]))
        self.updates, self.skipped = state["updates"], state["skipped"]
        self._announce()


def _optimizer(parameters: list[torch.nn.Parameter], config: LearnerConfig) -> torch.optim.Optimizer:
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adafactor":
        return torch.optim.Adafactor(parameters, lr=rate, weight_decay=decay)
    return torch.optim.AdamW(parameters, lr=rate, betas=config.betas, weight_decay=decay)


def add_measured(totals: dict[str, float], measured: dict[str, float]) -> None:
    """Sums, and the largest of the mismatches."""
    for name, value in measured.items():
        if name == "sampler_mismatch":
            totals[name] = max(totals.get(name, 0.0), value)
        else:
            totals[name] = totals.get(name, 0.0) + value


def _pair_metrics(margins_P: Tensor, beta: float, gaps_P: Tensor) -> dict[str, float]:
    """The loss of pairs, and how often the chosen sample is preferred more than by the reference."""
    loss = losses.pair_losses(margins_P, beta, gaps_P).mean()
    return {"pair_loss": float(loss), "pair_accuracy": float((margins_P > 0).float().mean())}
