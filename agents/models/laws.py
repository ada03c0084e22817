"""From hidden states to log-probabilities under the law that sampled: temperature, and the tokens it chose among.

Used by scoring and by the learner, so that both mean the same thing. M targets, D hidden units, V vocabulary, A the
most tokens any target was chosen among.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CHUNK = 256
"""Rows of full-vocabulary logits that exist at once."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What each target token was chosen among; `ids_MA` [M, A] padded, `valid_MA` [M, A] marks the real ones."""

    ids_MA: Tensor
    valid_MA: Tensor

    @staticmethod
    def of(allowed: Sequence[Sequence[int]], device: torch.device) -> Choices:
        """From one list of token ids per target (none empty)."""
        width = max(len(ids) for ids in allowed)
        rows = [list(ids) + [ids[0]] * (width - len(ids)) for ids in allowed]
        valid = [[True] * len(ids) + [False] * (width - len(ids)) for ids in allowed]
        return Choices(torch.tensor(rows, device=device), torch.tensor(valid, device=device))


def chosen_logprobs(hidden_MD: Tensor, head_VD: Tensor, tokens_M: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability [M] of each token over the whole vocabulary; at most `CHUNK` rows of logits exist at once."""

    def rows(hidden_CD: Tensor, tokens_C: Tensor) -> Tensor:
        logits_CV = F.linear(hidden_CD, head_VD).float() / temperature
        return -F.cross_entropy(logits_CV, tokens_C, reduction="none")

    parts = []
    for start in range(0, len(tokens_M), CHUNK):
        arguments = (hidden_MD[start : start + CHUNK], tokens_M[start : start + CHUNK])
        again = torch.is_grad_enabled() and len(tokens_M) > CHUNK
        parts.append(checkpoint(rows, *arguments, use_reentrant=False) if again else rows(*arguments))
    return torch.cat(parts) if parts else hidden_MD.new_zeros(0, dtype=torch.float32)


def choice_logprobs(hidden_MD: Tensor, head_VD: Tensor, choices: Choices, temperature: float = 1.0) -> Tensor:
    """Log-probabilities [M, A] renormalised over each target's choices; padding is -inf."""
    rows_MAD = F.embedding(choices.ids_MA, head_VD)
    logits_MA = (rows_MAD.float() * hidden_MD.float().unsqueeze(1)).sum(-1) / temperature
    return logits_MA.masked_fill(~choices.valid_MA, -torch.inf).log_softmax(-1)
