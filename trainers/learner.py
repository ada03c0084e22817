"""The one learner: turns signals over stored trajectories into one weighted loss, and takes optimizer steps.

    loss = 1/(B L) sum_M [ w surrogate(A) - ce logp + c k3(logp, reference) ] + magnet * mean KL(pi || uniform)

B is the number of samples before merging. L is a constant length for freely written tokens, so that long answers are
not favoured (Dr. GRPO, arXiv 2503.20783), and 1 for tokens that were chosen among legal actions. w is the truncated
importance weight against the log-probabilities that the sampler stored. The magnet is averaged over the *distinct*
decisions of the batch, so that rarely visited ones are held as firmly as common ones. No method has a loop of its own.

A step whose loss or gradient is not finite is not taken: weights and optimizer stay as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sparring.agents.models.engine.logprobs import Choices, choice_logprobs, chosen_logprobs
from sparring.agents.models.engine.packing import Pack, pack
from sparring.agents.models.trainable import TrainableModel
from sparring.trainers import losses
from sparring.trainers.batch import Batch, Merged, Signal, merge
from sparring.trainers.state import State

FIRST_MOMENT = "exp_avg"
"""Its name in AdamW's state."""
MOST_SKIPPED = 10
"""Updates in a row without a single step; one more ends the training."""


@dataclass(frozen=True, slots=True)
class LearnerConfig:
    """How weights are updated."""

    learning_rate: float = 1e-6
    """AdamW step size, constant."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW moment decays."""
    weight_decay: float = 0.0
    """AdamW weight decay."""
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
    length: int = 1
    """The constant that sums over freely written tokens are divided by: the longest answer. Choices are not divided."""


@dataclass(slots=True)
class _Targets:
    """The M target tokens of one pack, either all chosen among some tokens or all among the vocabulary."""

    nodes_M: Tensor
    tokens_M: Tensor
    sampling_M: Tensor
    positive_advantage_M: Tensor
    negative_advantage_M: Tensor
    imitation_M: Tensor
    reference_M: Tensor
    has_reference_M: Tensor
    choices: Choices | None
    decision_M: Tensor
    """Weights that sum to 1 over the targets of one decision (several actions of one state), in all packs together."""
    old_M: Tensor | None = None


class Learner:
    """Owns the optimizer of one model. The model's parameters are trained in place, in fp32."""

    def __init__(self, model: TrainableModel, config: LearnerConfig) -> None:
        self.model, self.config = model, config
        self.updates = 0
        self.skipped = 0
        """Updates in a row, up to now, in which no step could be taken."""
        self.optimizer = torch.optim.AdamW(
            model.module.parameters(), lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
        )

    def step(self, signals: Iterable[Signal] | Batch, magnet: float = 0.0) -> dict[str, float]:
        """One update from signals; returns what it measured. An empty batch changes nothing.

        `skipped_steps` counts steps whose loss or gradient was not finite. Raises ValueError after too many in a row.
        """
        batch = signals if isinstance(signals, Batch) else merge(signals)
        if not batch.merged:
            return {"samples": 0.0}
        temperature = _one_temperature(batch)
        passes = self._passes(batch)
        decisions = sum(float(t.decision_M.sum()) for _, found in passes for t in found if t.choices is not None)
        totals: dict[str, float] = {}
        skipped = 0.0
        for _ in range(self.config.epochs):
            totals = self._epoch(passes, batch.size, magnet, max(decisions, 1.0), temperature)
            skipped += totals["skipped_steps"]
        totals["skipped_steps"] = skipped
        self.updates += 1
        self._require_progress(skipped)
        self.model.sync(None, f"update-{self.updates}")
        nodes = sum(len(packed.token_ids) for packed, _ in passes)
        return {**totals, "samples": float(batch.size), "distinct": float(len(batch.merged)), "nodes": float(nodes)}

    def _epoch(
        self, passes: list[tuple[Pack, list[_Targets]]], size: int, magnet: float, decisions: float, temperature: float
    ) -> dict[str, float]:
        """One optimizer step over all passes."""
        self.optimizer.zero_grad(set_to_none=True)
        totals: dict[str, float] = {}
        for packed, found in passes:
            with self.model.autocast():
                hidden_ND = self.model.hidden(packed)
                parts = [self._loss(hidden_ND, targets, size, magnet / decisions, temperature) for targets in found]
            torch.stack([loss for loss, _ in parts]).sum().backward()
            for _, measured in parts:
                _add(totals, measured)
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.module.parameters(), self.config.max_grad_norm))
        sound = math.isfinite(norm) and math.isfinite(totals["loss"])
        if sound:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if "entropy" in totals:
            totals["entropy"] /= decisions
        return {**totals, "grad_norm": norm, "skipped_steps": float(not sound)}

    def _require_progress(self, skipped: float) -> None:
        """Raises ValueError where no step could be taken for too long."""
        self.skipped = self.skipped + 1 if skipped == self.config.epochs else 0
        if self.skipped > MOST_SKIPPED:
            raise ValueError(
                f"the loss or its gradient was not finite in {self.skipped} updates in a row, so nothing is learnt: "
                "the weights are as before them; start anew with a smaller learning_rate, or look at the rewards"
            )

    def _loss(
        self, hidden_ND: Tensor, targets: _Targets, size: int, magnet: float, temperature: float
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of some targets, and its parts as numbers."""
        config, head = self.config, self.model.head
        hidden_MD = hidden_ND[targets.nodes_M]
        regulariser, measured = hidden_MD.new_zeros((), dtype=torch.float32), {}
        if targets.choices is None:
            logp_M = chosen_logprobs(hidden_MD, head, targets.tokens_M, temperature)
        else:
            logp_MA = choice_logprobs(hidden_MD, head, targets.choices, temperature)
            logp_M = logp_MA[targets.choices.ids_MA.eq(targets.tokens_M[:, None]) & targets.choices.valid_MA]
            pull = (losses.kl_to_uniform(logp_MA) * targets.decision_M).sum()
            regulariser = magnet * pull
            widths = targets.choices.valid_MA.sum(-1).float()
            measured["entropy"] = float((torch.log(widths) * targets.decision_M).sum() - pull.detach())
        if targets.old_M is None:
            targets.old_M = logp_M.detach()
        weight_M = losses.importance_weight(targets.old_M, targets.sampling_M, config.importance_cap)
        surrogate_M = losses.policy_gradient(
            logp_M, targets.old_M, targets.positive_advantage_M, targets.negative_advantage_M, config.clip, config.clip
        )
        token_M = weight_M * surrogate_M - targets.imitation_M * logp_M
        if config.reference_kl:
            token_M = (
                token_M + config.reference_kl * losses.kl_k3(logp_M, targets.reference_M) * targets.has_reference_M
            )
        length = config.length if targets.choices is None else 1
        loss = token_M.sum() / (size * length) + regulariser
        mismatch = float((targets.old_M - targets.sampling_M).abs().max())
        return loss, {**measured, "loss": float(loss.detach()), "sampler_mismatch": mismatch}

    def _passes(self, batch: Batch) -> list[tuple[Pack, list[_Targets]]]:
        """Pack the distinct samples; the last target of a sample need not be an input."""
        rows = [entry.signal.tokens[:-1] for entry in batch.merged]
        times = _decision_counts(batch)
        passes = []
        for packed in pack(rows):
            members = [batch.merged[index] for index in packed.sequences]
            found = [_targets(packed, members, chosen, times, self.model.device) for chosen in (True, False)]
            passes.append((packed, [targets for targets in found if targets is not None]))
        return passes

    @property
    def learning_rate(self) -> float:
        """The optimizer's step size; may be set between updates."""
        return float(self.optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = value

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
        for kept in self.optimizer.state.values():
            kept.setdefault(FIRST_MOMENT, torch.zeros_like(kept["exp_avg_sq"]))
        self.updates, self.skipped = state["updates"], state["skipped"]
        self.model.sync(None, f"update-{self.updates}")


def _one_temperature(batch: Batch) -> float:
    temperatures = {entry.signal.temperature for entry in batch.merged}
    if len(temperatures) > 1:
        raise ValueError(f"a batch must be sampled at one temperature, got {sorted(temperatures)}")
    return temperatures.pop()


def _add(totals: dict[str, float], measured: dict[str, float]) -> None:
    """Sums, and the largest of the mismatches."""
    for name, value in measured.items():
        if name == "sampler_mismatch":
            totals[name] = max(totals.get(name, 0.0), value)
        else:
            totals[name] = totals.get(name, 0.0) + value


def _decision_counts(batch: Batch) -> Counter[tuple[int, ...]]:
    """Per decision, named by the tokens before it: how many targets of the batch were chosen there."""
    return Counter(
        entry.signal.tokens[:position]
        for entry in batch.merged
        for position, allowed in zip(entry.signal.targets, entry.signal.allowed, strict=True)
        if allowed is not None
    )


def _targets(
    packed: Pack, members: list[Merged], chosen: bool, times: Counter[tuple[int, ...]], device: torch.device
) -> _Targets | None:
    """The targets of one kind in a pack: chosen among some tokens, or among the vocabulary."""
    columns: list[tuple[float, ...]] = []
    choices: list[tuple[int, ...]] = []
    for entry, path in zip(members, packed.nodes, strict=True):
        signal = entry.signal
        references = signal.reference_logprobs or (None,) * len(signal.targets)
        for index, position in enumerate(signal.targets):
            allowed = signal.allowed[index]
            if (allowed is not None) != chosen:
                continue
            choices.append(allowed or ())
            reference, sampled = references[index], signal.sampling_logprobs[index]
            columns.append(
                (
                    path[position - 1],
                    signal.tokens[position],
                    sampled,
                    entry.positive_advantage,
                    entry.negative_advantage,
                    entry.imitation,
                    sampled if reference is None else reference,
                    0.0 if reference is None else float(entry.count),
                    1.0 / times[signal.tokens[:position]] if chosen else 0.0,
                )
            )
    if not columns:
        return None
    nodes, tokens, *floats = (np.asarray(column) for column in zip(*columns, strict=True))
    sampling, positive_advantage, negative_advantage, imitation, reference_M, referenced, decision = (
        torch.as_tensor(column, dtype=torch.float32, device=device) for column in floats
    )
    return _Targets(
        nodes_M=torch.as_tensor(nodes, device=device),
        tokens_M=torch.as_tensor(tokens, device=device),
        sampling_M=sampling,
        positive_advantage_M=positive_advantage,
        negative_advantage_M=negative_advantage,
        imitation_M=imitation,
        reference_M=reference_M,
        has_reference_M=referenced,
        choices=Choices.of(choices, device) if chosen else None,
        decision_M=decision,
    )
