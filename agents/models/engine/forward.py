"""Final hidden states of a pack's nodes, by the model's own layers.

Most models take a pack as one row of tokens with a mask that shows each node its ancestors (`one_mask`, or
`mask_by_layer` where layers see different spans). Models with recurrent or convolutional layers cannot: they compute
every sequence in a row of its own (`row_by_row`), which is right and slower. `selftest` finds which one is right.

N nodes, D hidden units, T tokens of a sequence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from sparring.agents.models.engine.packing import Pack

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

Forward: TypeAlias = "Callable[[PreTrainedModel, Pack], Tensor]"
"""(model, pack) -> final hidden states [N, D]."""
ROW_TOKENS = 8192
"""Tokens, padding included, that `row_by_row` computes at a time."""


def one_mask(module: PreTrainedModel, packed: Pack) -> Tensor:
    """All layers see the same: everything before, or the window that the config names.

    Where nothing is shared and no window is crossed there is no mask: attention knows by itself what comes before.
    """
    window = getattr(_config(module), "sliding_window", None)
    if packed.is_row and (not window or len(packed.parents) <= window):
        return _packed(module, packed, None)
    return _packed(module, packed, _mask(module, _visible(packed, window)))


def mask_by_layer(module: PreTrainedModel, packed: Pack) -> Tensor:
    """Layers see what their type says. Raises KeyError where a layer is no attention."""
    config = _config(module)
    spans = {
        "full_attention": lambda: _visible(packed),
        "sliding_attention": lambda: _visible(packed, config.sliding_window),
        "chunked_attention": lambda: _visible(packed, chunk=config.attention_chunk_size),
    }
    return _packed(module, packed, {kind: _mask(module, spans[kind]()) for kind in set(config.layer_types)})


def row_by_row(module: PreTrainedModel, packed: Pack) -> Tensor:
    """Every sequence by itself; a sequence that begins another one is not computed again."""
    inner = {int(node) for path in packed.nodes for node in path[:-1]}
    paths = list({int(path[-1]): path for path in packed.nodes if int(path[-1]) not in inner}.values())
    hidden = torch.cat(sequences_hidden(module, [packed.token_ids[path].tolist() for path in paths]))
    _, first_N = np.unique(np.concatenate(paths), return_index=True)
    return hidden[torch.from_numpy(first_N).to(hidden.device)]


def recompute_layers(module: PreTrainedModel) -> None:
    """Let the layers keep their inputs only, and compute the rest again in the backward pass (arXiv 1604.06174).

    transformers' own switch acts in training mode alone, which also brings dropout back. Raises ValueError where
    transformers cannot do so with the model's layers.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, GradientCheckpointingLayer)]
    if not layers or not module.supports_gradient_checkpointing:
        raise ValueError(f"gradient_checkpointing does not work with a model of type {module.config.model_type!r}")
    for layer in layers:
        layer.forward = partial(_recomputed, layer.forward)


def _recomputed(forward: Callable[..., object], *args: object, **kwargs: object) -> object:
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    return checkpoint(partial(forward, **kwargs), *args, use_reentrant=False, preserve_rng_state=False)


def sequences_hidden(module: PreTrainedModel, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
    """Final hidden states [T, D] of each sequence, in rows padded on the right."""
    hidden: list[Tensor] = [torch.empty(0)] * len(sequences)
    for rows in _row_groups([len(sequence) for sequence in sequences]):
        arguments = _padded([sequences[row] for row in rows], module.device)
        again = torch.is_grad_enabled() and len(rows) < len(sequences)
        hidden_BTD = checkpoint(_rows, module, *arguments, use_reentrant=False) if again else _rows(module, *arguments)
        for row, hidden_TD in zip(rows, hidden_BTD, strict=True):
            hidden[row] = hidden_TD[: len(sequences[row])]
    return hidden


def context_of(config: PreTrainedConfig) -> int:
    """The most tokens that a sequence may have.

    "longrope" turns all positions otherwise once a sequence passes its original length, so the same tokens would get
    other log-probabilities as the sequence grows: such models are used up to there.
    """
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = [rope, *(kind for kind in rope.values() if isinstance(kind, dict))]
    lengths = [k.get("original_max_position_embeddings") for k in kinds if k.get("rope_type") == "longrope"]
    return min((n for n in (getattr(text, "max_position_embeddings", None), *lengths) if n), default=sys.maxsize)


def _config(module: PreTrainedModel) -> PreTrainedConfig:
    return module.config.get_text_config()


def _decoder(module: PreTrainedModel) -> PreTrainedModel:
    """The model without its head."""
    return module.model if module.base_model is module else module.base_model


def _packed(module: PreTrainedModel, packed: Pack, mask: Tensor | Mapping[str, Tensor] | None) -> Tensor:
    output = _decoder(module)(
        input_ids=torch.from_numpy(packed.token_ids).to(module.device)[None],
        position_ids=torch.from_numpy(packed.positions).to(module.device)[None],
        attention_mask=mask,
        use_cache=False,
    )
    hidden_ND: Tensor = output.last_hidden_state[0]
    return hidden_ND


def _visible(packed: Pack, window: int | None = None, chunk: int | None = None) -> np.ndarray:
    """Which nodes [N, N] each node sees: its ancestors, of them the last `window`, or those in its chunk."""
    visible, depth_N = packed.visible(), packed.positions
    if window:
        visible = visible & (depth_N[:, None] - depth_N[None] < window)
    if chunk:
        visible = visible & (depth_N[:, None] // chunk == depth_N[None] // chunk)
    return visible


def _mask(module: PreTrainedModel, visible_NN: np.ndarray) -> Tensor:
    """[1, 1, N, N] as the model's attention wants it: booleans for sdpa, numbers to add for eager."""
    visible = torch.from_numpy(visible_NN).to(module.device)[None, None]
    if _config(module)._attn_implementation == "sdpa":
        return visible
    return torch.zeros_like(visible, dtype=torch.float32).masked_fill(~visible, torch.finfo(torch.float32).min)


def _row_groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of sequences that are computed together, alike in length."""
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if group and lengths[row] * (len(group) + 1) > ROW_TOKENS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _padded(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask [B, T], padded on the right."""
    width = max(map(len, sequences))
    tokens = [[*sequence, *[0] * (width - len(sequence))] for sequence in sequences]
    mask = [[1] * len(sequence) + [0] * (width - len(sequence)) for sequence in sequences]
    return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)


def _rows(module: PreTrainedModel, tokens_BT: Tensor, mask_BT: Tensor) -> Tensor:
    hidden_BTD: Tensor = _decoder(module)(
        input_ids=tokens_BT, attention_mask=mask_BT, use_cache=False
    ).last_hidden_state
    return hidden_BTD
