"""Rows that are being decoded by the model's own forward pass, with its cache or without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from sparring.agents.models.engine.forward import sequences_hidden
from sparring.agents.models.engine.logprobs import Head

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Rows(Protocol):
    """Rows that are being decoded."""

    def first(self) -> Tensor:
        """Logits [B, V] after the prompts."""
        ...

    def next(self, tokens_B: Tensor) -> Tensor:
        """Logits [B, V] after one more token a row."""
        ...

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""
        ...


class CachedRows:
    """Rows decoded by the model's own forward pass: prompts padded on the left, one cache for all."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], rows: Sequence[int]) -> None:
        device, width = model.device, max(map(len, prompts))
        self._model = model
        self._mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
        tokens = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=device)
        output = model(
            tokens, attention_mask=self._mask, position_ids=(self._mask.cumsum(-1) - 1).clamp(min=0), use_cache=True
        )
        self._cache = output.past_key_values
        self._logits: Tensor = output.logits[:, -1]
        self.keep(list(rows))

    def first(self) -> Tensor:
        """Logits [B, V] after the prompts."""
        return self._logits

    def next(self, tokens_B: Tensor) -> Tensor:
        """Logits [B, V] after one more token a row."""
        self._mask = torch.cat((self._mask, torch.ones_like(self._mask[:, :1])), -1)
        output = self._model(
            tokens_B[:, None],
            attention_mask=self._mask,
            position_ids=self._mask.sum(-1, keepdim=True) - 1,
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""
        index = torch.tensor(rows, device=self._mask.device)
        self._cache.reorder_cache(index)
        self._mask, self._logits = self._mask[index], self._logits[index]


class RecomputedRows:
    """Rows whose whole sequences are computed again for every token: for models whose cache we cannot use."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], rows: Sequence[int]) -> None:
        self._model = model
        self._sequences = [list(prompts[row]) for row in rows]

    def first(self) -> Tensor:
        """Logits [B, V] after the prompts."""
        last = [hidden_TD[-1] for hidden_TD in sequences_hidden(self._model, self._sequences)]
        return Head.of(self._model).logits(torch.stack(last).to(self._model.dtype))

    def next(self, tokens_B: Tensor) -> Tensor:
        """Logits [B, V] after one more token a row."""
        for sequence, token in zip(self._sequences, tokens_B.tolist(), strict=True):
            sequence.append(token)
        return self.first()

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""
        self._sequences = [self._sequences[row] for row in rows]
