"""From hidden states to log-probabilities as they were sampled: at a temperature, among the allowed tokens.

Used by scoring and by the learner, so that both mean the same thing. M targets, D hidden units, V vocabulary, A the
most tokens any target was chosen among, C rows of logits at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

CHUNK = 256
"""Rows of full-vocabulary logits that exist at once."""


_MULTIPLIERS = ("logit_scale", "lm_head_multiplier")
_DIVISORS = ("logits_scaling",)
_CAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")


@dataclass(frozen=True, slots=True)
class Head:
    """What a model does to its final hidden states: `cap * tanh(scale * (weight @ hidden + bias) / cap)`.

    Which of these a model has is read from its config, and the self-test at load says whether that is all.
    """

    weight_VD: Tensor
    bias_V: Tensor | None = None
    scale: float = 1.0
    cap: float | None = None

    @staticmethod
    def of(module: PreTrainedModel) -> Head:
        """The head of a `transformers` causal language model."""
        layer, config = module.get_output_embeddings(), module.config.get_text_config()
        scale = 1.0
        for factor in _numbers(config, _MULTIPLIERS):
            scale *= factor
        for divisor in _numbers(config, _DIVISORS):
            scale /= divisor
        return Head(layer.weight, getattr(layer, "bias", None), scale, next(_numbers(config, _CAPS), None))

    def logits(self, hidden_CD: Tensor) -> Tensor:
        """[C, V] in fp32."""
        return self._scaled(F.linear(hidden_CD, self.weight_VD, self.bias_V).float())

    def logits_among(self, hidden_MD: Tensor, ids_MA: Tensor) -> Tensor:
        """[M, A] in fp32: the logits of some tokens only."""
        rows_MAD = F.embedding(ids_MA, self.weight_VD)
        logits_MA = (rows_MAD.float() * hidden_MD.float().unsqueeze(1)).sum(-1)
        return self._scaled(logits_MA if self.bias_V is None else logits_MA + self.bias_V[ids_MA])

    def _scaled(self, logits: Tensor) -> Tensor:
        if self.scale != 1:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def _numbers(config: PreTrainedConfig, names: Sequence[str]) -> Iterator[float]:
    values = (getattr(config, name, None) for name in names)
    return (float(value) for value in values if isinstance(value, (int, float)) and value)


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


def chosen_logprobs(hidden_MD: Tensor, head: Head, tokens_M: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability [M] of each token over the whole vocabulary; at most `CHUNK` rows of logits exist at once."""

    def rows(hidden_CD: Tensor, tokens_C: Tensor) -> Tensor:
        logits_CV = head.logits(hidden_CD) / temperature
        return -F.cross_entropy(logits_CV, tokens_C, reduction="none")

    parts = []
    for start in range(0, len(tokens_M), CHUNK):
        arguments = (hidden_MD[start : start + CHUNK], tokens_M[start : start + CHUNK])
        again = torch.is_grad_enabled() and len(tokens_M) > CHUNK
        parts.append(checkpoint(rows, *arguments, use_reentrant=False) if again else rows(*arguments))
    return torch.cat(parts) if parts else hidden_MD.new_zeros(0, dtype=torch.float32)


def choice_logprobs(hidden_MD: Tensor, head: Head, choices: Choices, temperature: float = 1.0) -> Tensor:
    """Log-probabilities [M, A] renormalised over each target's choices; padding is -inf."""
    logits_MA = head.logits_among(hidden_MD, choices.ids_MA) / temperature
    return logits_MA.masked_fill(~choices.valid_MA, -torch.inf).log_softmax(-1)
