"""Our decode loop against `transformers`, and the distributions it promises."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("transformers")
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from sparring.agents.models.engine.decode import Engine, Generated, generate
from sparring.agents.models.engine.fused import share
from sparring.agents.models.weights.reading import read_model

torch.set_num_threads(1)

PROMPTS = [b"Your card is K. Bet or check?", b"Your card is Q. Bet or check?", b"Your card", b"J"]
TINY = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.2}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


def _models() -> dict[str, Any]:
    """One model for each way through the code."""
    rope = {**LLAMA3, "original_max_position_embeddings": 64}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        gpt2 = GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.2)
        models = {
            "nano": read_model("nano", device="cpu").model,
            "llama, scaled rotation, biases": LlamaForCausalLM(
                LlamaConfig(**TINY, **HEADS, head_dim=16, rope_parameters=rope, attention_bias=True, mlp_bias=True)
            ),
            "qwen2, biases": Qwen2ForCausalLM(Qwen2Config(**TINY, **HEADS)),
            "gpt2, not fused": GPT2LMHeadModel(gpt2),
        }
        for name in ("llama, scaled rotation, biases", "qwen2, biases"):
            for parameter_name, parameter in models[name].named_parameters():
                if parameter_name.endswith("bias"):
                    torch.nn.init.normal_(parameter, std=0.5)
    return {name: model.eval() for name, model in models.items()}


MODELS = _models()


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Any:
    return MODELS[request.param]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(MODELS["nano"])


def _sample(
    engine: Engine, prompts: Sequence[Sequence[int]], seeds: Sequence[int], **distribution: Any
) -> list[Generated]:
    settings = {"max_new_tokens": 12, "temperature": 1.0, "top_p": 1.0, "eos_ids": (), **distribution}
    return generate(engine, [list(prompt) for prompt in prompts], seeds=seeds, **settings)


def _logprobs(model: Any, prompt: bytes, token_ids: list[int], temperature: float = 1.0) -> torch.Tensor:
    """[T, V] by one plain forward pass over the whole sequence."""
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *token_ids]])).logits[0, len(prompt) - 1 : -1]
    return (logits.double() / temperature).log_softmax(-1)


def test_which_architectures_are_fused() -> None:
    fused = {name for name, model in MODELS.items() if Engine(model).fused}
    assert fused == set(MODELS) - {"gpt2, not fused"}


@pytest.mark.parametrize("distribution", [{"temperature": 0.0}, {"temperature": 1e-6}, {"top_p": 1e-9}])
def test_greedy_decoding_equals_transformers(model: Any, distribution: dict[str, float]) -> None:
    ours = _sample(Engine(model), PROMPTS, range(4), **distribution)
    for prompt, row in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([[*prompt]])
        theirs = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12, min_new_tokens=12
        )
        assert row.token_ids == theirs[0, len(prompt) :].tolist()


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_recorded_logprobs_equal_a_plain_forward_pass(model: Any, temperature: float) -> None:
    prompts = [PROMPTS[row % 4] for row in range(11)]
    for prompt, row in zip(prompts, _sample(Engine(model), prompts, range(11), temperature=temperature), strict=True):
        distribution = _logprobs(model, prompt, row.token_ids, temperature)
        chosen = distribution.gather(1, torch.tensor(row.token_ids)[:, None])[:, 0]
        assert torch.allclose(chosen, torch.tensor(row.logprobs, dtype=torch.float64), atol=1e-4)


def test_recorded_logprobs_are_renormalised_over_the_nucleus(engine: Engine) -> None:
    (row,) = _sample(engine, PROMPTS[:1], [5], top_p=0.6)
    for distribution, token, logprob in zip(
        _logprobs(MODELS["nano"], PROMPTS[0], row.token_ids).exp(), row.token_ids, row.logprobs, strict=True
    ):
        heaviest, order = distribution.sort(descending=True)
        size = int((heaviest.cumsum(0) < 0.6).sum()) + 1
        assert token in order[:size].tolist()
        assert float((distribution[token] / heaviest[:size].sum()).log()) == pytest.approx(logprob, abs=1e-4)


def test_first_tokens_are_drawn_with_the_models_frequencies(engine: Engine) -> None:
    count = 4000
    rows = _sample(engine, [PROMPTS[0]] * count, range(count), max_new_tokens=1, temperature=0.05)
    drawn = torch.bincount(torch.tensor([row.token_ids[0] for row in rows]), minlength=MODELS["nano"].config.vocab_size)
    distribution = _logprobs(MODELS["nano"], PROMPTS[0], [0], 0.05)[0].exp()
    deviation = (drawn / count - distribution) / (distribution * (1 - distribution) / count).sqrt()
    likely = distribution * count >= 5
    assert deviation[likely].abs().max() < 4.5
    chi_squared = float(((drawn - distribution * count) ** 2 / (distribution * count))[likely].sum())
    assert abs(chi_squared - int(likely.sum())) < 5 * (2 * int(likely.sum())) ** 0.5


def test_a_row_depends_on_its_prompt_and_seed_not_on_its_neighbours(model: Any) -> None:
    engine = Engine(model)
    prompts, seeds = [PROMPTS[row % 4] for row in range(10)], [100 + row for row in range(10)]
    together = _sample(engine, prompts, seeds)
    backwards = _sample(engine, prompts[::-1], seeds[::-1])[::-1]
    alone = [_sample(engine, [prompt], [seed])[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    for variant in (backwards, alone):
        assert [row.token_ids for row in variant] == [row.token_ids for row in together]
        for one, other in zip(variant, together, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert together[0].token_ids != together[4].token_ids  # one prompt, two seeds


def test_the_same_call_gives_the_same_bits(engine: Engine) -> None:
    assert _sample(engine, PROMPTS * 3, range(12)) == _sample(engine, PROMPTS * 3, range(12))


def test_rows_end_at_eos_and_the_others_go_on_as_if_nothing_happened(model: Any) -> None:
    engine, prompts, seeds = Engine(model), [PROMPTS[row % 4] for row in range(12)], range(12)
    endless = _sample(engine, prompts, seeds, max_new_tokens=24, temperature=2.0)
    eos_ids = {row.token_ids[index] for index, row in enumerate(endless[:10])}
    ended = _sample(engine, prompts, seeds, max_new_tokens=24, temperature=2.0, eos_ids=tuple(eos_ids))
    for free, row in zip(endless, ended, strict=True):
        end = next((at + 1 for at, token in enumerate(free.token_ids) if token in eos_ids), None)
        assert row.token_ids == free.token_ids[:end]
        assert row.stop_reason == ("length" if end is None else "eos")
        assert len(row.logprobs) == len(row.token_ids)
    assert len({len(row.token_ids) for row in ended}) > 3


def test_allowed_tokens_bound_the_distribution(engine: Engine) -> None:
    def allowed(row: int, so_far: Sequence[int]) -> list[int] | None:
        return [ord("b"), ord("c"), ord("f")] if row == 1 and not so_far else None

    rows = _sample(engine, PROMPTS, range(4), allowed=allowed)
    free = _sample(engine, PROMPTS, range(4))
    assert [rows[row] == free[row] for row in (0, 2, 3)] == [True] * 3
    distribution = _logprobs(MODELS["nano"], PROMPTS[1], [0])[0][[98, 99, 102]].log_softmax(-1)
    assert rows[1].logprobs[0] == pytest.approx(
        float(distribution[[98, 99, 102].index(rows[1].token_ids[0])]), abs=1e-4
    )


def test_sync_changes_what_is_sampled_and_nothing_else_does(model: Any) -> None:
    trained = copy.deepcopy(model)
    engine = Engine(trained)
    before = _sample(engine, PROMPTS, range(4))
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.mul_(0.5)
    assert _sample(engine, PROMPTS, range(4)) == before
    engine.sync(trained)
    after = _sample(engine, PROMPTS, range(4))
    assert after == _sample(Engine(trained), PROMPTS, range(4)) != before
    engine.sync(model.state_dict())
    assert _sample(engine, PROMPTS, range(4)) == before


def test_sync_takes_weights_without_the_tied_head() -> None:
    engine = Engine(MODELS["nano"])
    weights = {name: value * 0.5 for name, value in MODELS["nano"].state_dict().items() if name != "lm_head.weight"}
    before = _sample(engine, PROMPTS, range(4))
    engine.sync(weights)
    assert _sample(engine, PROMPTS, range(4)) != before


def test_bf16_is_near_fp32() -> None:
    model = MODELS["nano"]
    for row, prompt in zip(_sample(Engine(model, torch.bfloat16), PROMPTS, range(4)), PROMPTS, strict=True):
        chosen = _logprobs(model, prompt, row.token_ids).gather(1, torch.tensor(row.token_ids)[:, None])[:, 0]
        assert torch.allclose(chosen, torch.tensor(row.logprobs, dtype=torch.float64), atol=0.1)


def test_more_rows_than_fit_at_once_are_decoded_in_turn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _sample(engine, PROMPTS * 3, range(12))
    monkeypatch.setattr("sparring.agents.models.engine.decode.ROWS", 5)
    assert [row.token_ids for row in _sample(engine, PROMPTS * 3, range(12))] == [row.token_ids for row in whole]


def test_no_prompts_and_no_new_tokens_are_fine(engine: Engine) -> None:
    assert _sample(engine, [], []) == []
    assert _sample(engine, PROMPTS[:1], [0], max_new_tokens=0) == [Generated([], [], "length")]


@pytest.mark.parametrize(
    ("prompts", "distribution", "message"),
    [
        ([b"x" * 2040], {}, "prompt 0 has 2040 tokens; with max_new_tokens 12 .* context window of 2048"),
        ([b""], {}, "prompt 0 is empty"),
        ([b"x"], {"temperature": -1.0}, "temperature must be >= 0"),
        ([b"x"], {"top_p": 0.0}, r"top_p in \(0, 1\]"),
        ([b"x"], {"max_new_tokens": -1}, "max_new_tokens"),
        ([b"x", b"y"], {}, "one seed a prompt, got 1 seeds for 2 prompts"),
    ],
)
def test_what_cannot_be_decoded_is_refused(
    engine: Engine, prompts: list[bytes], distribution: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _sample(engine, prompts, [0], **distribution)


@pytest.mark.parametrize("prompt_of", [[0], [0, 0, 1, 1], [0, 1, 2, 0, 0, 0, 0], [0] * 32 + list(range(1, 33))])
def test_every_row_stands_in_one_chunk_of_its_prompt(prompt_of: list[int]) -> None:
    chunks, size = share(prompt_of)
    assert sorted(row for _, rows in chunks for row in rows) == list(range(len(prompt_of)))
    assert all(prompt_of[row] == prompt for prompt, rows in chunks for row in rows)
    assert all(1 <= len(rows) <= size for _, rows in chunks)


def test_groups_of_one_prompt_share_one_chunk_and_lone_rows_do_not_pad() -> None:
    assert share([0] * 8 + [1] * 8)[1] == 8
    assert share(list(range(10)))[1] == 1
