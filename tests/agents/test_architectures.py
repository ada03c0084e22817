"""What we compute for a model is what its own plain forward pass computes, or the model is refused.

Tiny models with random weights, of many architectures, on sequences longer than any window that they have. The plain
forward pass is `module(one sequence).logits`: no padding, no packing, no cache.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")
import torch
import transformers

from sparring.agents.models.engine.forward import context_of
from sparring.agents.models.tokenizer import FastTokenizer
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights import nano
from sparring.agents.models.weights.reading import Loaded
from sparring.trainers.batch import Signal, merge
from sparring.trainers.learner import Learner, LearnerConfig, StepWeights
from sparring.trainers.targets import passes_of
from sparring.types import Sampling

torch.set_num_threads(1)

VOCABULARY, LONGEST, WINDOW = 97, 128, 6
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": LONGEST, "initializer_range": 0.3, "pad_token_id": None,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
WIDE = {**GROUPED, "head_dim": 8}
GPT = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": LONGEST}
PLAIN = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}
MIXED = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts_per_tok": 2}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "cls_token_id": 0, "sep_token_id": 0}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 16}

ONE, LAYERS, ROWS, REFUSED = "one_mask", "mask_by_layer", "row_by_row", "refused"
ARCHITECTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "Llama": ("LlamaConfig", {**GROUPED, "attention_bias": True}, ONE),
    "Llama, yarn": ("LlamaConfig", {**GROUPED, "rope_parameters": YARN}, ONE),
    "Llama, dynamic rotation": ("LlamaConfig", {**GROUPED, "rope_parameters": DYNAMIC}, ONE),
    "Qwen2": ("Qwen2Config", GROUPED, ONE),
    "Qwen2, window": (
        "Qwen2Config",
        {**GROUPED, "use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
        LAYERS,
    ),
    "Qwen3": ("Qwen3Config", WIDE, ONE),
    "GPT-2": ("GPT2Config", {**GPT, "initializer_range": 0.3}, ONE),
    "SmolLM3": ("SmolLM3Config", GROUPED, ONE),
    "OLMo2": ("Olmo2Config", GROUPED, ONE),
    "Phi": ("PhiConfig", SIZES, ONE),
    "Phi-3": ("Phi3Config", GROUPED, ONE),
    "Phi-3, window": ("Phi3Config", {**GROUPED, "sliding_window": WINDOW}, ONE),
    "Gemma": ("GemmaConfig", {**SIZES, "num_key_value_heads": 1, "head_dim": 8}, ONE),
    "Gemma2": (
        "Gemma2Config",
        {**WIDE, **MIXED, "final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 8},
        LAYERS,
    ),
    "Gemma3": ("Gemma3TextConfig", {**WIDE, **MIXED, "query_pre_attn_scalar": 8}, LAYERS),
    "Granite": (
        "GraniteConfig",
        {**GROUPED, "logits_scaling": 4.0, "residual_multiplier": 0.5, "embedding_multiplier": 2.0},
        ONE,
    ),
    "Cohere": ("CohereConfig", {**GROUPED, "logit_scale": 0.3}, ONE),
    "Cohere2": ("Cohere2Config", {**GROUPED, **MIXED, "logit_scale": 0.3}, LAYERS),
    "Mistral, window": ("MistralConfig", {**GROUPED, "sliding_window": WINDOW}, ONE),
    "Mistral, a window longer than the trial": ("MistralConfig", {**GROUPED, "sliding_window": 30}, ONE),
    "GPT-NeoX": ("GPTNeoXConfig", SIZES, ONE),
    "GPT-Neo, window": (
        "GPTNeoConfig",
        {**PLAIN, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 30,
         "max_position_embeddings": LONGEST},
        ROWS,
    ),
    "OPT": (
        "OPTConfig",
        {**PLAIN, "ffn_dim": 48, "num_attention_heads": 4, "max_position_embeddings": LONGEST,
         "word_embed_proj_dim": 32, "init_std": 0.3},
        ONE,
    ),
    "BLOOM": ("BloomConfig", {**PLAIN, "n_layer": 2, "n_head": 4}, ROWS),
    "gpt-oss": ("GptOssConfig", {**WIDE, **MIXED, **EXPERTS, "num_local_experts": 4}, LAYERS),
    "Mixtral": ("MixtralConfig", {**GROUPED, **EXPERTS, "num_local_experts": 4}, ONE),
    "Llama 4, chunks": (
        "Llama4TextConfig",
        {**WIDE, "attention_chunk_size": WINDOW, "num_local_experts": 2, "intermediate_size_mlp": 48,
         "layer_types": ["chunked_attention", "full_attention"], "no_rope_layers": [1, 0]},
        ROWS,
    ),
    "LFM2": (
        "Lfm2Config",
        {**GROUPED, "layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
        ROWS,
    ),
    "Mamba": ("MambaConfig", {**PLAIN, "state_size": 4}, ROWS),
    "Falcon-H1": (
        "FalconH1Config",
        {**GROUPED, "mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 8,
         "mamba_chunk_size": 8, "lm_head_multiplier": 0.5},
        ROWS,
    ),
    "ModernBERT decoder": ("ModernBertDecoderConfig", {**SIZES, **SPECIAL, "local_attention": WINDOW}, REFUSED),
}  # fmt: skip
USED = [name for name, (_, _, way) in ARCHITECTURES.items() if way != REFUSED]

_DRAWN = np.random.default_rng(0).integers(VOCABULARY, size=(4, 60)).tolist()
PROMPTS = [_DRAWN[0][:40], _DRAWN[0][:40] + _DRAWN[1][:9], _DRAWN[2][:33], _DRAWN[0][:20]]
"""Two share 40 tokens, one is the beginning of both."""
CONTINUATIONS = [_DRAWN[3][:1], _DRAWN[3][:7], _DRAWN[1][9:30]]


def build(name: str) -> Loaded:
    """A model of this architecture, every bias and attention sink drawn too."""
    config_class, settings, _ = ARCHITECTURES[name]
    if not hasattr(transformers, config_class):
        pytest.skip(f"this transformers has no {config_class}")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        config = getattr(transformers, config_class)(**{"bos_token_id": None, "eos_token_id": None, **settings})
        module = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        for parameter_name, parameter in module.named_parameters():
            if parameter_name.endswith(("bias", "sinks")):
                parameter.normal_(std=0.3)
    return Loaded(name, module, FastTokenizer(nano.tokenizer(), ()), "")


@lru_cache
def loaded(name: str) -> TransformersModel:
    return TransformersModel.from_loaded(build(name), "fp32")


def plain_logprobs(module: Any, prompt: list[int], continuation: list[int]) -> torch.Tensor:
    """[len(continuation), V] by one plain forward pass over the sequence alone."""
    logits = module(torch.tensor([[*prompt, *continuation]])).logits[0, len(prompt) - 1 : -1]
    return logits.float().log_softmax(-1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_is_computed_in_the_way_that_the_docs_say_or_refused(name: str) -> None:
    way = ARCHITECTURES[name][2]
    if way == REFUSED:
        with pytest.raises(ValueError, match=r"cannot be used: what we compute differs .* own forward pass"):
            TransformersModel.from_loaded(build(name), "fp32")
    else:
        assert loaded(name)._forward.__name__ == way


@pytest.mark.parametrize("name", USED)
def test_scores_are_those_of_the_plain_forward_pass(name: str) -> None:
    model = loaded(name)
    for prompt, scores in zip(PROMPTS, model.score_batch(PROMPTS, [CONTINUATIONS] * len(PROMPTS)), strict=True):
        for continuation, logprobs in zip(CONTINUATIONS, scores, strict=True):
            with torch.no_grad():
                distribution = plain_logprobs(model.module, prompt, continuation)
            expected = distribution[torch.arange(len(continuation)), torch.tensor(continuation)]
            np.testing.assert_allclose(logprobs, expected.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", USED)
def test_generated_log_probabilities_are_those_of_the_plain_forward_pass(name: str) -> None:
    model = loaded(name)
    prompts = [PROMPTS[row % len(PROMPTS)] for row in range(7)]
    for prompt, row in zip(prompts, model.generate_batch(prompts, Sampling(max_new_tokens=12), range(7)), strict=True):
        with torch.no_grad():
            distribution = plain_logprobs(model.module, prompt, list(row.token_ids))
        expected = distribution[torch.arange(12), torch.tensor(row.token_ids)]
        assert row.logprobs is not None
        np.testing.assert_allclose(row.logprobs, expected.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", USED)
def test_the_learners_gradient_is_that_of_the_plain_forward_pass(name: str) -> None:
    """Each signal's loss is -advantage * logp / 4: freely written tokens, and one token chosen among three."""
    model = loaded(name)
    among = (3, 40, 77)
    cases = [(PROMPTS[0], CONTINUATIONS[1], 1.0), (PROMPTS[1], CONTINUATIONS[2], -0.5), (PROMPTS[2], [40], 2.0),
             (PROMPTS[3], [3], -1.5)]  # fmt: skip
    signals, expected = [], torch.zeros(())
    model.module.zero_grad()
    for prompt, written, advantage in cases:
        distribution = plain_logprobs(model.module, prompt, written)
        chosen = distribution[torch.arange(len(written)), torch.tensor(written)]
        if len(written) == 1:
            chosen = chosen - distribution[0, list(among)].logsumexp(-1)
        expected = expected - advantage * chosen.sum() / len(cases)
        targets = tuple(range(len(prompt), len(prompt) + len(written)))
        allowed = (among,) if len(written) == 1 else (None,) * len(written)
        sampled = tuple(chosen.tolist())
        signals.append(Signal((*prompt, *written), targets, sampled, allowed, advantage=advantage))
    expected.backward()
    gradients = {name: _gradient(parameter) for name, parameter in model.module.named_parameters()}

    learner = Learner(model, LearnerConfig())
    model.module.zero_grad()
    for one in passes_of(merge(signals), 1024, model.device):
        hidden = model.hidden(one.packed)
        weights = StepWeights(0.0, 0.0, 1.0, torch.empty(0))
        torch.stack([learner._loss(hidden, targets, weights)[0] for targets in one.targets]).sum().backward()
    norm = sum(float(gradient.square().sum()) for gradient in gradients.values()) ** 0.5
    for parameter_name, parameter in model.module.named_parameters():
        difference = float((_gradient(parameter) - gradients[parameter_name]).norm())
        assert difference < 1e-4 * norm, parameter_name
    assert norm > 0.01


@pytest.mark.parametrize("name", [name for name in USED if ARCHITECTURES[name][2] == ROWS])
def test_rows_that_are_computed_in_several_groups_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(name)
    passes_in_one_group = _passes_of_scoring(model)
    monkeypatch.setattr("sparring.agents.models.engine.forward.ROW_TOKENS", 100)
    assert _passes_of_scoring(model) > passes_in_one_group
    test_scores_are_those_of_the_plain_forward_pass(name)
    test_the_learners_gradient_is_that_of_the_plain_forward_pass(name)


@pytest.mark.parametrize("name", ["Llama", "Gemma2", "Phi", "LFM2", "Mamba"])
def test_in_bf16_only_the_rounding_is_another(name: str) -> None:
    model = TransformersModel.from_loaded(build(name), "bf16")
    rows = model.generate_batch(PROMPTS, Sampling(max_new_tokens=8), range(4))
    for written, scored, exact in zip(
        rows,
        model.score_batch(PROMPTS, [[row.token_ids] for row in rows]),
        loaded(name).score_batch(PROMPTS, [[row.token_ids] for row in rows]),
        strict=True,
    ):
        np.testing.assert_allclose(written.logprobs, exact[0], rtol=0, atol=0.3)
        np.testing.assert_allclose(scored[0], exact[0], rtol=0, atol=0.3)


def _passes_of_scoring(model: TransformersModel) -> int:
    """How often the model looks up token ids while it scores the continuations."""
    passes: list[int] = []
    hook = model.module.get_input_embeddings().register_forward_hook(lambda *_: passes.append(1))
    model.score_batch(PROMPTS, [CONTINUATIONS] * len(PROMPTS))
    hook.remove()
    return len(passes)


def _gradient(parameter: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()


def test_a_model_that_cannot_compute_at_all_is_refused() -> None:
    broken = build("Llama")
    broken.model.model.norm = None
    with pytest.raises(
        ValueError, match="a model of type 'llama' cannot be used: its own forward pass fails: 'NoneType'"
    ):
        TransformersModel.from_loaded(broken, "fp32")


def test_a_model_whose_rotation_changes_with_the_length_is_used_up_to_there() -> None:
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4, "original_max_position_embeddings": 16}
    rope = {"rope_type": "longrope", "rope_theta": 1e4, **factors}
    config = transformers.Phi3Config(**GROUPED, rope_parameters=rope, original_max_position_embeddings=16)
    assert context_of(config) == 16
    assert context_of(transformers.MambaConfig()) > 10**9


def test_the_self_test_leaves_the_config_as_it_was() -> None:
    model = build("Gemma2").model
    before = model.config.to_dict()
    TransformersModel.from_loaded(Loaded("Gemma2", model, FastTokenizer(nano.tokenizer(), ()), ""), "fp32")
    assert model.config.to_dict() == before
