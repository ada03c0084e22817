"""Whether we compute what a model's own plain forward pass computes, tried when a model is loaded.

Two sequences that share their beginning are scored and decoded by our means and compared with the plain forward pass
of `transformers`. Where the config names a span of attention, the span is made shorter than the sequences for the
trial, so that it is crossed after a few tokens and not after thousands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sparring.agents.models.engine.forward import Forward, mask_by_layer, one_mask, row_by_row
from sparring.agents.models.engine.logprobs import Head
from sparring.agents.models.engine.packing import pack
from sparring.agents.models.engine.rows import Rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOLERANCE = 1e-3
"""Nats, over all tokens of the vocabulary."""
LENGTH, SHARED, SHORTER, STEPS = 14, 4, 11, 3
"""Tokens of the longer sequence, of the shared beginning, of the shorter sequence; tokens that are decoded."""
SPAN = 5
"""What a span is cut to: less than the sequences are long."""
_SPANS = re.compile("window|chunk|local_attention|index_topk|block_size|context_size|stride|floor_scale")
_NO_SPANS = re.compile("layers|pattern|feed_forward|mamba")

Start = Callable[[Sequence[Sequence[int]], Sequence[int], int], Rows]
"""(distinct prompts, the prompt of each row, most steps) -> rows to decode."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Two sequences, and what the plain forward pass says to them."""

    sequences: tuple[list[int], list[int]]
    logprobs_2TV: Tensor

    def difference(self, logits_V: Tensor, sequence: int, position: int) -> float:
        """The largest difference, nats, from the plain one after the token at `position`; infinite where nan."""
        difference = (logits_V.float().log_softmax(-1) - self.logprobs_2TV[sequence, position]).abs().max()
        return float(difference.nan_to_num(nan=torch.inf))


@torch.no_grad()
def right_pass(module: PreTrainedModel) -> Forward:
    """The fastest way to hidden states that is right for this model. Raises ValueError where none is."""
    with _short_spans(module) as spans:
        reasons: list[str] = []
        try:
            trial = _trial(module)
        except Exception as error:
            raise _refusal(module, f"its own forward pass fails: {error or type(error).__name__}") from error
        for forward in (one_mask, mask_by_layer, row_by_row):
            try:
                worst = _scoring_difference(module, forward, trial)
            except Exception as error:  # noqa: BLE001  (whatever the model raises says that it cannot be done this way)
                reasons.append(f"{forward.__name__}: {type(error).__name__}")
                continue
            if worst <= TOLERANCE and (forward is row_by_row or _spans_matter(module, spans, trial)):
                return forward
            reasons.append(f"{forward.__name__}: {worst:.2g} nats")
    raise _refusal(module, f"what we compute differs from its own forward pass ({', '.join(reasons)})")


@torch.no_grad()
def decodes_right(module: PreTrainedModel, start: Start) -> bool:
    """Whether rows, fed with known tokens, show the plain forward pass's distribution at every step."""
    with _short_spans(module) as spans:
        try:
            trial = _trial(module)
            return _decoding_difference(start, trial) <= TOLERANCE and _spans_matter(module, spans, trial)
        except Exception:  # noqa: BLE001  (as above)
            return False


def _refusal(module: PreTrainedModel, reason: str) -> ValueError:
    return ValueError(f"a model of type {module.config.model_type!r} cannot be used: {reason}")


def _trial(module: PreTrainedModel) -> Trial:
    vocabulary = module.config.get_text_config().vocab_size
    tokens = np.random.default_rng(0).integers(vocabulary, size=(2, LENGTH))
    tokens[1, :SHARED], tokens[1, SHARED] = tokens[0, :SHARED], (tokens[0, SHARED] + 1) % vocabulary
    logits_2TV = module(torch.from_numpy(tokens).to(module.device), use_cache=False).logits
    first, second = tokens.tolist()
    return Trial((first, second[:SHORTER]), logits_2TV.float().log_softmax(-1))


def _scoring_difference(module: PreTrainedModel, forward: Forward, trial: Trial) -> float:
    (packed,) = pack(trial.sequences)
    logits_NV = Head.of(module).logits(forward(module, packed))
    return max(
        trial.difference(logits_NV[node], sequence, position)
        for sequence, path in zip(packed.sequences, packed.nodes, strict=True)
        for position, node in enumerate(path)
    )


def _decoding_difference(start: Start, trial: Trial) -> float:
    """Three rows of two prompts; one row is dropped and the others change places on the way."""
    prompts, row_of = [trial.sequences[0][:SHARED], trial.sequences[1][: SHARED + 2]], [0, 1, 0]
    state = start(prompts, row_of, STEPS + 1)
    logits_BV, at, worst = state.first(), [len(prompts[row]) for row in row_of], 0.0
    for step in range(STEPS):
        worst = max(worst, *(trial.difference(logits_BV[i], s, at[i] - 1) for i, s in enumerate(row_of)))
        tokens = [trial.sequences[sequence][position] for sequence, position in zip(row_of, at, strict=True)]
        if step == 1:
            state.keep([1, 0])
            row_of, at, tokens = [row_of[1], row_of[0]], [at[1], at[0]], [tokens[1], tokens[0]]
        logits_BV = state.next(torch.tensor(tokens, device=logits_BV.device))
        at = [position + 1 for position in at]
    return max(worst, *(trial.difference(logits_BV[i], s, at[i] - 1) for i, s in enumerate(row_of)))


@contextmanager
def _short_spans(module: PreTrainedModel) -> Iterator[dict[str, int]]:
    """The spans of attention that the config names, cut short while the context lasts."""
    config = module.config.get_text_config()
    spans = {name: value for name, value in vars(config).items() if _is_span(name, value)}
    try:
        for name, value in spans.items():
            setattr(config, name, _shortened(value))
        yield spans
    finally:
        for name, value in spans.items():
            setattr(config, name, value)


def _is_span(name: str, value: object) -> bool:
    return isinstance(value, int) and value > 1 and bool(_SPANS.search(name)) and not _NO_SPANS.search(name)


def _shortened(span: int) -> int:
    return min(SPAN, span // 2)


def _spans_matter(module: PreTrainedModel, spans: dict[str, int], trial: Trial) -> bool:
    """Whether each span, given back its length, changes the plain distribution: else the trial has not crossed it."""
    config = module.config.get_text_config()
    for name, value in spans.items():
        setattr(config, name, value)
        same = torch.equal(_trial(module).logprobs_2TV, trial.logprobs_2TV)
        setattr(config, name, _shortened(value))
        if same:
            return False
    return True
