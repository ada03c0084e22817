"""Sampling token by token. Each distinct prompt is computed once and shared by the rows that start from it.

Llama-architecture models decode through fused copies of their weights (`fused`), other models through their own
`transformers` forward pass and cache, or without the cache where `selftest` finds that it goes wrong. The same
function, the same distribution, the same seeds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from sparring.agents.models.adapter import merged_weights, take_out
from sparring.agents.models.engine.forward import context_of
from sparring.agents.models.engine.fused import FusedLlama, FusedRows, can_fuse
from sparring.agents.models.engine.rows import CachedRows, RecomputedRows, Rows
from sparring.agents.models.engine.sampling import draw, uniforms
from sparring.agents.models.engine.selftest import decodes_right
from sparring.agents.models.rounds import require_wanted

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

ROWS = 256
"""At most so many rows are decoded together; more go in turn."""
CACHE_BYTES = {"cpu": 2 << 30, "cuda": 16 << 30}
"""Keys and values of the tokens that rows write; rows for which that is not enough go in turn."""

Allowed = Callable[[int, Sequence[int]], Sequence[int] | None]
"""(row, what it generated so far) -> the token ids it may choose among next, None for the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What one row wrote."""

    token_ids: list[int]
    """The end-of-sequence token included where it was drawn."""
    logprobs: list[float]
    """[len(token_ids)], nats, under the sampling distribution: after temperature, top-p and `allowed`, renormalised."""
    stop_reason: Literal["eos", "length"]


class Engine:
    """A copy of a model's weights that decodes. `dtype` is that of its matrix products.

    The model it came from can be trained on; what the engine samples changes at the next `sync`.
    """

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype = torch.float32) -> None:
        self.context = context_of(model.config)
        self.device = next(model.parameters()).device
        self._fused = _fused(model, dtype)
        self._plain = None if self._fused else _frozen_copy(model, dtype)
        self._kept_tokens = CACHE_BYTES.get(self.device.type, CACHE_BYTES["cpu"]) // cache_bytes(model.config, dtype)
        self._own_rows = CachedRows if self._fused or _caches(model) else RecomputedRows
        if self._plain is not None:
            self.sync(model)

    def rows(self, steps: int) -> int:
        """How many rows of so many new tokens are decoded together."""
        return max(1, min(ROWS, self._kept_tokens // max(1, steps)))

    @property
    def fused(self) -> bool:
        """Whether decoding runs through fused weights."""
        return self._fused is not None

    @torch.no_grad()
    def sync(self, weights: Mapping[str, Tensor] | PreTrainedModel) -> None:
        """Take a model's weights, or a state dict's, in place."""
        state = weights if isinstance(weights, Mapping) else merged_weights(weights)
        if self._fused:
            self._fused.sync(state)
        elif self._plain is not None:
            for name, parameter in self._plain.named_parameters():
                parameter.copy_(state[name])

    def start(self, prompts: Sequence[Sequence[int]], rows: Sequence[int], steps: int) -> Rows:
        """Compute distinct prompts for rows that name them by index."""
        if self._fused:
            return FusedRows(self._fused, prompts, rows, steps)
        return self._own_rows(self._plain, prompts, rows)


def cache_bytes(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Keys and values of one token in all layers."""
    text = config.get_text_config()
    heads = _whole(text, "num_attention_heads", 1)
    width = _whole(text, "head_dim", text.hidden_size // heads)
    return 2 * int(text.num_hidden_layers) * _whole(text, "num_key_value_heads", heads) * width * dtype.itemsize


def _whole(config: PreTrainedConfig, name: str, otherwise: int) -> int:
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else otherwise


def _frozen_copy(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    frozen = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
    take_out(frozen)
    return frozen


def _fused(model: PreTrainedModel, dtype: torch.dtype) -> FusedLlama | None:
    """Fused weights, where they compute what the model does; that is tried in fp32."""
    if not can_fuse(model.config):
        return None
    fused = FusedLlama(model, torch.float32)
    if not decodes_right(model, lambda prompts, rows, steps: FusedRows(fused, prompts, rows, steps)):
        return None
    fused.convert(dtype)
    return fused


def _caches(model: PreTrainedModel) -> bool:
    """Whether the model computes with its cache what it computes without."""
    return decodes_right(model, lambda prompts, rows, _: CachedRows(model, prompts, rows))


def generate(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    eos_ids: Sequence[int],
    seeds: Sequence[int],
    allowed: Allowed | None = None,
) -> list[Generated]:
    """One continuation a prompt. A row depends on its prompt, its seed and the weights, not on the rows beside it
    (except by the rounding of matrix products of another size). Raises ValueError on lengths that do not fit.
    """
    _check(engine.context, prompts, max_new_tokens, temperature, top_p, seeds)
    if max_new_tokens == 0:
        return [Generated([], [], "length") for _ in prompts]
    written = [Generated([], [], "length") for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda row: tuple(prompts[row]))
    distribution = _Distribution(temperature, top_p, frozenset(eos_ids), allowed)
    together = engine.rows(max_new_tokens)
    for start in range(0, len(order), together):
        rows = order[start : start + together]
        _decode(
            engine,
            distribution,
            {row: prompts[row] for row in rows},
            [seeds[row] for row in rows],
            max_new_tokens,
            written,
        )
    return written


@dataclass(frozen=True, slots=True)
class _Distribution:
    temperature: float
    top_p: float
    eos_ids: frozenset[int]
    allowed: Allowed | None

    def draw(
        self, logits_BV: Tensor, uniform_B: Tensor, rows: list[int], written: list[Generated]
    ) -> tuple[Tensor, Tensor]:
        if self.allowed is not None:
            for logits_V, row in zip(logits_BV, rows, strict=True):
                ids = None if written[row].stop_reason == "eos" else self.allowed(row, written[row].token_ids)
                if ids is not None:
                    kept = logits_V[list(ids)].clone()
                    logits_V.fill_(-torch.inf)[list(ids)] = kept
        return draw(logits_BV, uniform_B, self.temperature, self.top_p)


@torch.inference_mode()
def _decode(
    engine: Engine,
    distribution: _Distribution,
    prompts: Mapping[int, Sequence[int]],
    seeds: Sequence[int],
    steps: int,
    written: list[Generated],
) -> None:
    """Decode these rows to their end, into `written`."""
    distinct = {prompt: index for index, prompt in enumerate(dict.fromkeys(map(tuple, prompts.values())))}
    state = engine.start(list(distinct), [distinct[tuple(prompt)] for prompt in prompts.values()], steps)
    uniform_BT = torch.from_numpy(uniforms(seeds, steps)).to(engine.device)
    rows, logits_BV = list(prompts), state.first()
    for step in range(steps):
        require_wanted()
        tokens_B, logprobs_B = distribution.draw(logits_BV, uniform_BT[:, step], rows, written)
        _write(written, rows, tokens_B.tolist(), logprobs_B.tolist(), distribution.eos_ids)
        going = [slot for slot, row in enumerate(rows) if written[row].stop_reason != "eos"]
        if not going or step == steps - 1:
            return
        if len(rows) - len(going) > len(rows) // 8:
            state.keep(going)
            rows, tokens_B, uniform_BT = [rows[slot] for slot in going], tokens_B[going], uniform_BT[going]
        logits_BV = state.next(tokens_B)


def _write(
    written: list[Generated], rows: list[int], tokens: list[int], logprobs: list[float], eos_ids: frozenset[int]
) -> None:
    for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
        so_far = written[row]
        if so_far.stop_reason == "eos":
            continue
        so_far.token_ids.append(token)
        so_far.logprobs.append(logprob)
        if token in eos_ids:
            written[row] = Generated(so_far.token_ids, so_far.logprobs, "eos")


def _check(
    context: int,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    seeds: Sequence[int],
) -> None:
    if max_new_tokens < 0 or temperature < 0 or not 0 < top_p <= 1:
        raise ValueError(
            "max_new_tokens and temperature must be >= 0 and top_p in (0, 1], "
            f"got {max_new_tokens}, {temperature} and {top_p}"
        )
    if len(seeds) != len(prompts):
        raise ValueError(f"there must be one seed a prompt, got {len(seeds)} seeds for {len(prompts)} prompts")
    for index, prompt in enumerate(prompts):
        if not len(prompt):
            raise ValueError(f"prompt {index} is empty: there is nothing to condition on")
        if len(prompt) + max_new_tokens > context:
            raise ValueError(
                f"prompt {index} has {len(prompt)} tokens; with max_new_tokens {max_new_tokens} that is more than "
                f"the model's context window of {context}"
            )
