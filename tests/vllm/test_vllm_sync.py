"""New weights reach the engine, tied head and cache included, and it is noticed where they do not."""

import itertools

import numpy as np
import pytest
import torch

from sparring.agents import models
from sparring.agents.models.adapter import Lora
from sparring.agents.models.sampler import EngineFailed
from sparring.agents.models.vllm import engine as engine_module
from sparring.agents.models.vllm.engine import VllmEngine
from sparring.agents.models.vllm.opening import open_engine
from sparring.types import Sampling

TEXT = "The pot is one coin each and your opponent bets. Think of what it may hold. " * 20
TOLERANCE = 1e-4
COUNT = itertools.count()


@pytest.fixture
def perturbed(by_vllm, ours):
    """Both with equal new weights, the embedding's among them; afterwards as they were."""
    before, version = {name: value.clone() for name, value in ours.weights().items()}, ours.weights_version
    number = next(COUNT)  # the engine may still have what an earlier test gave it
    generator = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for parameter in by_vllm.module.parameters():
            parameter += 0.05 * parameter.std() * torch.randn(parameter.shape, generator=generator)
    assert any("embed_tokens" in name for name in before)
    by_vllm.sync(None, f"perturbed-{number}")
    ours.sync(by_vllm.weights(), f"perturbed-{number}")
    yield by_vllm, ours
    for model in (by_vllm, ours):
        model.sync(before, version)


def long_prompt(model):
    prompt = model.encode(TEXT)[:300]
    assert len(prompt) == 300
    return prompt


def apart(model, other, prompt):
    said = [model.encode(" The cards are dealt, and nobody knows who is ahead."), model.encode("bet")]
    pairs = zip(model.score_batch([prompt], [said])[0], other.score_batch([prompt], [said])[0], strict=True)
    return max(float(np.abs(one - two).max()) for one, two in pairs)


def test_new_weights_change_the_answers_to_what_the_learner_would_say(by_vllm, ours, request):
    assert by_vllm.module.config.tie_word_embeddings
    prompt, greedy = long_prompt(ours), Sampling(temperature=0, max_new_tokens=16)
    assert apart(by_vllm, ours, prompt) < TOLERANCE
    by_vllm.generate_batch([prompt], greedy, [0])  # it is in the cache now
    before = by_vllm.score_batch([prompt], [[[5]]])[0][0][0]
    request.getfixturevalue("perturbed")
    after = by_vllm.generate_batch([prompt], greedy, [0])[0]
    assert after.token_ids == ours.generate_batch([prompt], greedy, [0])[0].token_ids
    assert after.weights_version == ours.weights_version
    assert apart(by_vllm, ours, prompt) < TOLERANCE
    assert abs(before - by_vllm.score_batch([prompt], [[[5]]])[0][0][0]) > 0.01


@pytest.mark.parametrize("forgotten", ["the tied head", "the prefix cache"])
def test_what_vllm_leaves_stale_is_noticed(perturbed, monkeypatch, forgotten):
    by_vllm, ours = perturbed
    old = by_vllm.sampler
    assert old.version != by_vllm.weights_version, "the engine still has the weights from before"
    old.score([(tuple(old._probe[:-32]), (5,))])
    engine = VllmEngine(old._llm, [], old._probe, old._tolerance, sleeps=False)
    if forgotten == "the tied head":
        monkeypatch.setattr(engine_module, "tie_head", lambda model: None)
    else:
        monkeypatch.setattr(engine._llm, "reset_prefix_cache", lambda: True)
    by_vllm.sample_with(engine)
    try:
        with pytest.raises(EngineFailed, match=r"the weights that it has are not the learner's: .* differ by \d"):
            by_vllm.score_batch([[1, 2]], [[[3]]])
        with pytest.raises(EngineFailed, match="the vLLM engine is lost: the weights that it has"):
            by_vllm.generate_batch([[1, 2]], Sampling(), [0])
    finally:
        monkeypatch.undo()
        old.version = ""
        by_vllm.sample_with(old)
    assert apart(by_vllm, ours, long_prompt(ours)) < TOLERANCE


def test_an_adapter_reaches_the_engine_merged():
    model = models.load_trainable("nano:seed=3", device="cpu")
    model.sample_with(open_engine(model, cache_gb=0.1))
    plain = model.score_batch([[1, 2, 3]], [[[4, 5]]])[0][0]
    model.add_adapter(Lora(rank=4, alpha=8))
    with torch.no_grad():
        for value in model.weights().values():
            value += 0.05
    model.sync(None, "trained")
    told = model.score_batch([[1, 2, 3]], [[[4, 5]]])[0][0]
    own = model._score([((1, 2, 3), (4, 5))])[0]
    np.testing.assert_allclose(told, own, atol=1e-5)
    assert np.abs(told - plain).max() > 1e-3
