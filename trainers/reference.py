"""The reference of a run: the model as it was at the start, frozen, and what it would have said of each token."""

from __future__ import annotations

from dataclasses import replace

import torch

from sparring.agents.models.trainable import TrainableModel
from sparring.trainers.batch import Batch
from sparring.trainers.targets import logprobs_of, passes_of


@torch.no_grad()
def add_reference(batch: Batch, reference: TrainableModel, temperature: float, max_nodes: int) -> None:
    """Give every sample its log-probabilities under the reference, at the temperature that it was sampled at."""
    asked = Batch([entry for entry in batch.merged if entry.signal.referenced], batch.sizes, batch.weights)
    found = [[0.0] * len(entry.signal.targets) for entry in asked.merged]
    for one in passes_of(asked, max_nodes, reference.device):
        with reference.autocast():
            hidden_ND = reference.hidden(one.packed)
            for targets in one.targets:
                logp_M, _ = logprobs_of(hidden_ND, targets, reference.head, temperature)
                for (index, target), logp in zip(targets.places, logp_M.tolist(), strict=True):
                    found[index][target] = logp
    for entry, logprobs in zip(asked.merged, found, strict=True):
        entry.signal = replace(entry.signal, reference_logprobs=tuple(logprobs))


def reference_columns(batch: Batch) -> dict[str, float]:
    """The reference's log-probability of every target [nats], by what the store calls it."""
    found: dict[str, float] = {}
    for entry in batch.merged:
        for ids in entry.ids:
            found |= dict(zip(ids, entry.signal.reference_logprobs, strict=False))
    return found
