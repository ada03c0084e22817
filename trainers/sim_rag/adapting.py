"""A critic that reads with an adapter of its own: LoRA (arXiv 2106.09685) and the head are trained together.

The head begins as the one that `fit_reading` finds on the frozen states, so training can only go on from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from sparring.agents.models.adapter import Lora
from sparring.agents.models.engine.packing import nodes_for, pack
from sparring.agents.models.trainable import LocalModel
from sparring.agents.retrieval.critic import Case
from sparring.agents.retrieval.trained.critic import ReadingScore
from sparring.agents.retrieval.trained.states import Head, tokens_of
from sparring.scoreboard.verdicts import Bools
from sparring.trainers.sim_rag.fitting import fit_reading

ALPHA = 32
EPOCHS = 3
"""As SIM-RAG trains its critic."""
RATE = 3e-4
"""AdamW's step size at the start; it falls linearly to 0."""


def fit_adapted(
    cases: Sequence[Case], labels_N: Bools, model: LocalModel, spec: str, rank: int, seed: int
) -> ReadingScore:
    """Train an adapter of that rank; `model` gets it and is used up. Raises ValueError for labels of one class."""
    frozen = fit_reading(cases, labels_N, model, spec)
    model.add_adapter(Lora(rank, ALPHA, seed=seed))
    weights_D = torch.tensor(frozen.head.weights_D, dtype=torch.float32, device=model.device, requires_grad=True)
    bias = torch.tensor(frozen.head.bias, dtype=torch.float32, device=model.device, requires_grad=True)
    adapter = [parameter for parameter in model.module.parameters() if parameter.requires_grad]
    groups = [{"params": adapter, "lr": RATE}, {"params": [weights_D, bias], "lr": RATE / 10}]
    optimizer = torch.optim.AdamW(groups)
    packs = list(pack([tokens_of(model, one) for one in cases], nodes_for(model.device.type)))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, EPOCHS * len(packs))
    generator = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for place in generator.permutation(len(packs)):
            packed = packs[place]
            wanted_P = torch.tensor(labels_N[list(packed.sequences)], dtype=torch.float32, device=model.device)
            with model.autocast():
                hidden_PD = model.hidden(packed)[[int(path[-1]) for path in packed.nodes]].float()
            logits_P = hidden_PD @ weights_D + bias
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits_P, wanted_P)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(adapter, 1.0)
            optimizer.step()
            schedule.step()
    model.sync(None, f"critic-{seed}")
    head = Head(weights_D.detach().double().cpu().numpy(), float(bias.detach()))
    if not (np.isfinite(head.weights_D).all() and math.isfinite(head.bias)):
        raise ValueError("the critic's training diverged: its head is not finite")
    return replace(frozen, head=head, adapted=True)
