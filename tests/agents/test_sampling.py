"""From logits to tokens."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.agents.models.engine.sampling import draw, nucleus, uniforms

torch.set_num_threads(1)


def _even(count: int) -> torch.Tensor:
    """Uniforms spread evenly over [0, 1): frequencies under them are the distribution up to 1/count."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def test_a_rows_uniforms_depend_on_its_seed_alone() -> None:
    together = uniforms([3, 2**63, 5], 10)
    assert np.array_equal(together[1], uniforms([2**63], 10)[0])
    assert not np.array_equal(together[0], together[2])
    assert np.array_equal(uniforms([3], 4)[0], together[0, :4])


@pytest.mark.parametrize("vocabulary", [3, 256, 260, 1000])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_softmax(vocabulary: int, temperature: float) -> None:
    logits = torch.randn(vocabulary, generator=torch.Generator().manual_seed(0)) * 2
    count = 20_000
    tokens, logprobs = draw(logits.repeat(count, 1), _even(count), temperature, 1.0)
    distribution = (logits.double() / temperature).softmax(-1)
    frequencies = torch.bincount(tokens, minlength=vocabulary) / count
    assert (frequencies - distribution).abs().max() < 2 / count
    assert torch.allclose(logprobs, distribution.log()[tokens], atol=1e-6)


def test_top_p_keeps_the_fewest_tokens_that_reach_it_and_renormalises() -> None:
    logits = torch.tensor([0.1, 0.5, 0.15, 0.25]).log()
    tokens, logprobs = draw(logits.repeat(9000, 1), _even(9000), 1.0, 0.8)
    frequencies = torch.bincount(tokens, minlength=4) / 9000
    distribution = torch.tensor([0, 0.5, 0.15, 0.25]) / 0.9
    assert torch.allclose(frequencies, distribution, atol=1e-3)
    assert torch.allclose(logprobs.exp().float(), distribution[tokens], atol=1e-6)


@given(st.integers(1, 700), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_nucleus_is_minimal_and_large_enough(vocabulary: int, top_p: float, seed: int) -> None:
    weight = torch.rand(1, vocabulary, generator=torch.Generator().manual_seed(seed)) + 1e-3
    kept = nucleus(weight, top_p)[0]
    share, total = kept.double().sum(), weight.double().sum()
    smallest = kept[kept > 0].min().double()
    assert share >= top_p * total * (1 - 1e-9)
    assert share - smallest < top_p * total
    assert weight[0][kept == 0].numel() == 0 or weight[0][kept == 0].max() <= smallest


def test_temperature_zero_and_a_tiny_top_p_take_the_best_token_for_sure() -> None:
    logits = torch.randn(50, 260, generator=torch.Generator().manual_seed(1))
    best = logits.argmax(-1)
    for temperature, top_p in ((0.0, 1.0), (1.0, 1e-6)):
        tokens, logprobs = draw(logits.clone(), _even(50), temperature, top_p)
        assert torch.equal(tokens, best)
        assert torch.equal(logprobs, torch.zeros(50, dtype=torch.float64))


def test_tokens_of_no_weight_are_never_drawn() -> None:
    logits = torch.full((1000, 600), -torch.inf)
    logits[:, 511] = 0.0
    uniform = torch.linspace(0, 1, 1000, dtype=torch.float64)
    tokens, logprobs = draw(logits, uniform, 1.0, 1.0)
    assert tokens.unique().tolist() == [511]
    assert torch.equal(logprobs, torch.zeros(1000, dtype=torch.float64))
