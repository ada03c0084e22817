"""A Llama-architecture model as decoding wants it: fused projections, prompts computed once, static caches.

N tokens or trie nodes, B rows, D hidden units, H heads, K key-value heads, G = H / K, E head width, C chunks of rows
that share a prompt, R rows a chunk, P prompt length, T new tokens.

Projections and attention run in `dtype`; the residual stream, the norms and the rotation stay in fp32, as they do when
the learner trains under autocast: that keeps the sampler's log-probabilities near the learner's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparring.agents.models.adapter import merged_weights
from sparring.agents.models.engine.packing import PREFILL_NODES, nodes_for, pack

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

BLOCK = 64
"""On a CPU, bf16 attention runs over whole blocks of new tokens: oneDNN compiles and keeps a kernel for every shape."""
HEAD_ROWS = 2048
"""On a CPU, matrix products with so many rows of the output embedding at a time are a fifth faster than with all."""

_FUSED = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention_out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
_NORMS = {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}
_EXACT_ROTATIONS = ("default", "linear", "llama3", "yarn")

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""(layer, q [N, H, E], k [N, K, E], v [N, K, E]) -> [N, H * E]."""


def can_fuse(config: PreTrainedConfig) -> bool:
    """Whether `FusedLlama` computes exactly what the model of this config computes."""
    return (
        config.model_type in ("llama", "qwen2")
        and config.hidden_act == "silu"
        and config.rope_parameters["rope_type"] in _EXACT_ROTATIONS
        and not getattr(config, "use_sliding_window", False)
    )


class FusedLlama:
    """Copies of a model's weights, fused. `sync` refreshes them in place."""

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype) -> None:
        self.config, self.dtype = model.config, dtype
        self.heads, self.kv_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        self.width = getattr(self.config, "head_dim", None) or self.config.hidden_size // self.heads
        self.rotation = model.base_model.rotary_emb
        weights = merged_weights(model)
        self.device = weights["model.embed_tokens.weight"].device
        self._sources = _sources(weights, self.config.num_hidden_layers)
        self.weights = {
            name: torch.cat([weights[source] for source in sources]).to(self._dtype_of(name), copy=True)
            for name, sources in self._sources.items()
        }
        self._split_head()

    def convert(self, dtype: torch.dtype) -> None:
        """Compute matrix products in `dtype` from now on."""
        self.dtype = dtype
        self.weights = {name: weight.to(self._dtype_of(name)) for name, weight in self.weights.items()}
        self._split_head()

    def sync(self, weights: Mapping[str, Tensor]) -> None:
        """Copy a state dict of the model over the fused weights."""
        tied = weights.get("lm_head.weight") is None
        for name, sources in self._sources.items():
            start = 0
            for source in sources:
                value = weights["model.embed_tokens.weight" if tied and name == "head" else source]
                self.weights[name][start : start + len(value)].copy_(value)
                start += len(value)

    def forward(self, tokens_N: Tensor, positions_N: Tensor, attend: Attend) -> Tensor:
        """Final hidden states [N, D] in `dtype`; `attend` holds the caches."""
        cos_NE, sin_NE = self.rotation(self.weights["embedding"], positions_N[None])
        sin_NE = torch.cat((-sin_NE[..., : self.width // 2], sin_NE[..., self.width // 2 :]), -1)
        cos_N1E, sin_N1E = cos_NE[0, :, None], sin_NE[0, :, None]
        hidden_ND = F.embedding(tokens_N, self.weights["embedding"])
        for layer in range(self.config.num_hidden_layers):
            normed_ND = self._norm(f"{layer}.attention_norm", hidden_ND)
            qkv_NHE = self._linear(f"{layer}.qkv", normed_ND).view(len(tokens_N), -1, self.width)
            qk_NHE, v_NKE = qkv_NHE.split((self.heads + self.kv_heads, self.kv_heads), 1)
            qk_NHE = torch.addcmul(qk_NHE * cos_N1E, qk_NHE.roll(self.width // 2, -1), sin_N1E).to(self.dtype)
            q_NHE, k_NKE = qk_NHE.split((self.heads, self.kv_heads), 1)
            hidden_ND = hidden_ND + self._linear(f"{layer}.attention_out", attend(layer, q_NHE, k_NKE, v_NKE))
            gate, up = self._linear(f"{layer}.gate_up", self._norm(f"{layer}.mlp_norm", hidden_ND)).chunk(2, -1)
            hidden_ND += self._linear(f"{layer}.down", F.silu(gate).mul_(up))
        return self._norm("norm", hidden_ND)

    def logits(self, hidden_ND: Tensor) -> Tensor:
        """[N, V], in `dtype`."""
        return torch.cat([F.linear(hidden_ND, rows) for rows in self._head], -1)

    def _split_head(self) -> None:
        self._head = self.weights["head"].split(HEAD_ROWS if self.device.type == "cpu" else self.config.vocab_size)

    def _linear(self, name: str, input_ND: Tensor) -> Tensor:
        return F.linear(input_ND, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def _norm(self, name: str, hidden_ND: Tensor) -> Tensor:
        shape = hidden_ND.shape[-1:]
        return F.rms_norm(hidden_ND, shape, self.weights[name], self.config.rms_norm_eps).to(self.dtype)

    def _dtype_of(self, name: str) -> torch.dtype:
        return torch.float32 if "norm" in name or name == "embedding" else self.dtype


def _sources(weights: Mapping[str, Tensor], layers: int) -> dict[str, tuple[str, ...]]:
    """Which of the model's parameters each fused one is made of."""
    sources: dict[str, tuple[str, ...]] = {
        "embedding": ("model.embed_tokens.weight",),
        "norm": ("model.norm.weight",),
        "head": ("lm_head.weight" if "lm_head.weight" in weights else "model.embed_tokens.weight",),
    }
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        sources |= {f"{layer}.{name}": (f"{prefix}.{norm}.weight",) for name, norm in _NORMS.items()}
        for name, parts in _FUSED.items():
            for kind in ("weight", "bias"):
                names = tuple(f"{prefix}.{part}.{kind}" for part in parts)
                if names[0] in weights:
                    sources[f"{layer}.{name}.{kind}"] = names
    return sources


class FusedRows:
    """The rows that are being decoded: their prompts' keys and values, shared, and their own."""

    def __init__(self, model: FusedLlama, prompts: Sequence[Sequence[int]], rows: Sequence[int], steps: int) -> None:
        self._model, self._step = model, 0
        self._prompt_of, self._lengths = list(rows), [len(prompt) for prompt in prompts]
        self._prefill(prompts)
        self._block = BLOCK if model.device.type == "cpu" and model.dtype == torch.bfloat16 else 1
        shape = (len(rows), model.kv_heads, self._blocks(max(steps - 1, 0)), model.width)
        layers = range(model.config.num_hidden_layers)
        self._own_K = [self._empty(shape) for _ in layers]
        self._own_V = [self._empty(shape) for _ in layers]
        self._share()

    def first(self) -> Tensor:
        """Logits [B, V] after the prompts."""
        logits = self._model.logits(self._last_hidden)
        return logits[torch.tensor(self._prompt_of, device=self._model.device)]

    def next(self, tokens_B: Tensor) -> Tensor:
        """Logits [B, V] after one more token a row."""
        hidden_BD = self._model.forward(tokens_B, self._length_B + self._step, self._attend)
        self._step += 1
        return self._model.logits(hidden_BD)

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows only, in this order."""
        index = torch.tensor(rows, device=self._model.device)
        self._prompt_of = [self._prompt_of[row] for row in rows]
        for caches in (self._own_K, self._own_V):
            for layer, cache in enumerate(caches):  # one at a time: all of them twice would not fit
                caches[layer] = self._kept(cache, index)
        self._share()

    def _blocks(self, tokens: int) -> int:
        """So many tokens or more: whole blocks."""
        return -(-tokens // self._block) * self._block

    def _empty(self, shape: tuple[int, ...]) -> Tensor:
        """A cache. What stands behind the last token of a block is multiplied by zero, so it must be finite."""
        make = torch.empty if self._block == 1 else torch.zeros
        return make(shape, dtype=self._model.dtype, device=self._model.device)

    def _kept(self, cache: Tensor, index: Tensor) -> Tensor:
        kept = self._empty((len(index), *cache.shape[1:]))
        kept[:, :, : self._step] = cache[index, :, : self._step]
        return kept

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> None:
        """Every distinct prefix of the prompts once; leaves keys and values by node and each prompt's nodes."""
        model, total = self._model, 0
        self._nodes: list[Tensor] = [torch.empty(0)] * len(prompts)
        caches: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(model.config.num_hidden_layers)]
        last = [torch.empty(0)] * len(prompts)
        for packed in pack(prompts, nodes_for(model.device.type, PREFILL_NODES)):
            arrays = (packed.token_ids, packed.positions, packed.visible())
            tokens, positions, visible = (torch.from_numpy(array).to(model.device) for array in arrays)
            hidden_ND = model.forward(tokens, positions, _collect(caches, visible, model.heads // model.kv_heads))
            for prompt, path in zip(packed.sequences, packed.nodes, strict=True):
                self._nodes[prompt] = torch.from_numpy(path + total).to(model.device)
                last[prompt] = hidden_ND[path[-1]]
            total += len(tokens)
        self._last_hidden = torch.stack(last)
        self._node_KV = [tuple(torch.cat(parts) for parts in zip(*layer, strict=True)) for layer in caches]

    def _share(self) -> None:
        """Lay the rows out in chunks that share a prompt, and the prompts' keys and values by chunk."""
        device = self._model.device
        chunks, self._per_chunk = share(self._prompt_of)
        slots = [row for _, members in chunks for row in members + members[:1] * (self._per_chunk - len(members))]
        slot_of = {row: slot for slot, row in reversed(list(enumerate(slots)))}
        heads = torch.arange(self._model.kv_heads, device=device)
        row_C1R = torch.tensor(slots, device=device).view(-1, 1, self._per_chunk)
        self._slot_sources = row_C1R * len(heads) + heads[:, None]
        slot_B1 = torch.tensor([slot_of[row] for row in range(len(slot_of))], device=device)[:, None]
        chunk_B1, place_B1 = slot_B1 // self._per_chunk, slot_B1 % self._per_chunk
        self._row_sources = (chunk_B1 * len(heads) + heads) * self._per_chunk + place_B1
        lengths = [self._lengths[prompt] for prompt, _ in chunks]
        paths_CP = nn.utils.rnn.pad_sequence([self._nodes[prompt] for prompt, _ in chunks], batch_first=True)
        self._shared_KV = [
            tuple(nodes_NKE[paths_CP].transpose(1, 2).flatten(0, 1) for nodes_NKE in layer) for layer in self._node_KV
        ]
        self._length_B = torch.tensor([self._lengths[prompt] for prompt in self._prompt_of], device=device)
        hidden_BP = torch.arange(paths_CP.shape[1], device=device) >= self._length_B[:, None]
        self._hidden_B11P = hidden_BP[:, None, None] if len(set(lengths)) > 1 else None

    def _attend(self, layer: int, q_BHE: Tensor, k_BKE: Tensor, v_BKE: Tensor) -> Tensor:
        rows, kv, end = len(q_BHE), self._model.kv_heads, self._blocks(self._step + 1)
        self._own_K[layer][:, :, self._step], self._own_V[layer][:, :, self._step] = k_BKE, v_BKE
        own_K, own_V = self._own_K[layer].flatten(0, 1)[:, :end], self._own_V[layer].flatten(0, 1)[:, :end]
        shared_K, shared_V = self._shared_KV[layer]
        q_BKGE = (q_BHE * self._model.width**-0.5).view(rows, kv, -1, self._model.width)
        to_prompt_BKGP = self._to_rows(torch.bmm(self._to_chunks(q_BKGE), shared_K.transpose(1, 2)), q_BKGE)
        if self._hidden_B11P is not None:
            to_prompt_BKGP = to_prompt_BKGP.masked_fill(self._hidden_B11P, -torch.inf)
        to_own_BKGT = torch.bmm(q_BKGE.flatten(0, 1), own_K.transpose(1, 2)).view(rows, kv, -1, end)
        to_own_BKGT[..., self._step + 1 :] = -torch.inf
        distribution = (
            torch.cat((to_prompt_BKGP, to_own_BKGT), -1).softmax(-1, dtype=torch.float32).to(self._model.dtype)
        )
        prompt_distribution, own_distribution = distribution.split((shared_K.shape[1], end), -1)
        out = self._to_rows(torch.bmm(self._to_chunks(prompt_distribution), shared_V), q_BKGE)
        out = out + torch.bmm(own_distribution.flatten(0, 1), own_V).view_as(out)
        return out.reshape(rows, -1)

    def _to_chunks(self, x_BKGX: Tensor) -> Tensor:
        """[B, K, G, X] to [C * K, R * G, X]."""
        by_head = x_BKGX.flatten(0, 1)[self._slot_sources]
        return by_head.view(-1, self._per_chunk * by_head.shape[-2], by_head.shape[-1])

    def _to_rows(self, x: Tensor, like_BKGE: Tensor) -> Tensor:
        """[C * K, R * G, X] back to [B, K, G, X]."""
        return x.view(-1, like_BKGE.shape[2], x.shape[-1])[self._row_sources]


def share(prompt_of: Sequence[int]) -> tuple[list[tuple[int, list[int]]], int]:
    """Rows of one prompt in chunks of one size: (prompt, rows) by chunk, and the size that costs least.

    A chunk costs its slots, the empty ones included, and about four more for reading the prompt's keys and values.
    """
    counts = Counter(prompt_of).values()
    sizes = sorted({2**power for power in range(max(counts).bit_length())} | set(counts))
    size = min(sizes, key=lambda size: sum(-(-count // size) for count in counts) * (size + 4))
    members: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompt_of):
        members.setdefault(prompt, []).append(row)
    return [(p, rows[at : at + size]) for p, rows in members.items() for at in range(0, len(rows), size)], size


def _collect(caches: list[list[tuple[Tensor, Tensor]]], visible_NN: Tensor, group: int) -> Attend:
    """Attention over the nodes of a pack that also hands out their keys and values."""

    def attend(layer: int, q_NHE: Tensor, k_NKE: Tensor, v_NKE: Tensor) -> Tensor:
        caches[layer].append((k_NKE.contiguous(), v_NKE.contiguous()))
        q, k, v = (x.transpose(0, 1)[None] for x in (q_NHE, k_NKE, v_NKE))
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=visible_NN)[0].transpose(0, 1).flatten(1)

    return attend
