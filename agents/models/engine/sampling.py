"""Draws tokens from logits: one uniform a row and step becomes a token by the inverse of the cumulative distribution.

B rows, V vocabulary. A row's uniforms come from that row's seed alone, so what it samples does not depend on which rows
stand beside it. The log-probability of the drawn token under that same distribution falls out of the sum that is
needed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 256
"""The cumulative sum first runs over sums of blocks of this many tokens, then inside one block."""


def uniforms(seeds: Sequence[int], steps: int) -> np.ndarray:
    """Uniform numbers in [0, 1), [len(seeds), steps] float64; row i depends on `seeds[i]` alone."""
    rows = [np.random.Generator(np.random.Philox(int(seed) % 2**128)).random(steps) for seed in seeds]
    return np.stack(rows) if rows else np.zeros((0, steps))


def draw(logits_BV: Tensor, uniform_B: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Token ids [B] and their log-probabilities [B] (nats, float64) under softmax(logits / temperature) cut to its
    nucleus and renormalised. Temperature 0 is the arg max, with log-probability 0. Overwrites `logits_BV`.
    """
    logits_BV = logits_BV.float()
    if temperature == 0:
        return logits_BV.argmax(-1), logits_BV.new_zeros(len(logits_BV), dtype=torch.float64)
    weight_BV = logits_BV.sub_(logits_BV.amax(-1, keepdim=True)).div_(temperature).exp_()
    return _invert(nucleus(weight_BV, top_p) if top_p < 1 else weight_BV, uniform_B)


def nucleus(weight_BV: Tensor, top_p: float) -> Tensor:
    """The fewest heaviest tokens whose share reaches `top_p`; the weights of all others become 0."""
    target_B1 = top_p * weight_BV.sum(-1, keepdim=True, dtype=torch.float64)
    count = min(64, weight_BV.shape[-1])
    while True:
        top_BK, index_BK = weight_BV.topk(count, -1)
        cumulative_BK = top_BK.double().cumsum(-1)
        if count == weight_BV.shape[-1] or bool((cumulative_BK[:, -1:] >= target_B1).all()):
            break
        count = min(8 * count, weight_BV.shape[-1])
    kept_BK = top_BK.masked_fill(cumulative_BK - top_BK.double() >= target_B1, 0)
    return torch.zeros_like(weight_BV).scatter_(-1, index_BK, kept_BK)


def _invert(weight_BV: Tensor, uniform_B: Tensor) -> tuple[Tensor, Tensor]:
    """The tokens at which the cumulative weight first passes `uniform` of the total, and their log-shares."""
    blocks_BNK = F.pad(weight_BV, (0, -weight_BV.shape[-1] % BLOCK)).view(len(weight_BV), -1, BLOCK)
    cumulative_BN = blocks_BNK.sum(-1).double().cumsum(-1)
    total_B1 = cumulative_BN[:, -1:]
    target_B1 = uniform_B[:, None].double() * total_B1
    block_B1 = _first_above(cumulative_BN, target_B1)
    before_B1 = F.pad(cumulative_BN, (1, 0)).gather(-1, block_B1)
    inside_BK = blocks_BNK[torch.arange(len(weight_BV), device=weight_BV.device), block_B1[:, 0]].double().cumsum(-1)
    offset_B1 = _first_above(inside_BK, target_B1 - before_B1)
    token_B1 = block_B1 * BLOCK + offset_B1
    logprob_B1 = weight_BV.gather(-1, token_B1).double().log() - total_B1.log()
    return token_B1[:, 0], logprob_B1[:, 0]


def _first_above(cumulative_BN: Tensor, target_B1: Tensor) -> Tensor:
    """The first index [B, 1] whose cumulative weight is above the target; always one with a weight above 0."""
    below_end_B1 = cumulative_BN[:, -1:] * (1 - 2**-40)
    return torch.searchsorted(cumulative_BN, target_B1.clamp(min=0).minimum(below_end_B1), right=True)
