"""vLLM against our own computation of the same weights: SmolLM2, fp32, on a CPU."""

import asyncio
import gc
import random

import numpy as np
import pytest
import torch

from sparring import registry
from sparring.agents import models
from sparring.agents.choices import choose, options_of
from sparring.rollout.loop import Match, play
from sparring.types import Sampling

THINGS = ("cat", "dog", "king", "ship", "tree", "moon", "rat", "sun")


def prompts(model, count):
    pairs = [(one, other) for one in THINGS for other in THINGS]
    return [model.chat([{"role": "user", "content": f"Tell me about a {a} and a {b}."}]) for a, b in pairs[:count]]


def long_text(model, tokens):
    return model.encode("The pot is one coin each and your opponent bets. Think of what it may hold. " * 40)[:tokens]


def test_greedy_tokens_are_those_of_our_own_decoding(by_vllm, ours):
    asked, sampling = prompts(ours, 64), Sampling(temperature=0, max_new_tokens=24)
    theirs = by_vllm.generate_batch(asked, sampling, range(64))
    own = ours.generate_batch(asked, sampling, range(64))
    assert [one.token_ids for one in theirs] == [one.token_ids for one in own]
    assert [one.stop_reason for one in theirs] == [one.stop_reason for one in own]
    assert set(theirs[0].logprobs) == {0.0}


def test_an_answer_ends_with_the_end_token(by_vllm):
    prompt = by_vllm.chat([{"role": "user", "content": "Say yes. Only yes."}])
    written = by_vllm.generate_batch([prompt] * 8, Sampling(max_new_tokens=60), range(8))
    ended = [one for one in written if one.stop_reason == "eos"]
    assert ended
    assert all(one.token_ids[-1] in by_vllm.tokenizer.eos_ids for one in ended)


@pytest.mark.parametrize("length", [20, 300])
def test_scores_are_our_own(by_vllm, ours, length):
    prompt, text = long_text(ours, length), long_text(ours, 40)
    said = [ours.encode("bet"), ours.encode("check it"), text[:4], text[:5], text]
    for theirs, own in zip(
        by_vllm.score_batch([prompt], [said])[0], ours.score_batch([prompt], [said])[0], strict=True
    ):
        np.testing.assert_allclose(theirs, own, atol=1e-4)


def test_more_answers_than_vllm_tells_at_once_are_scored(by_vllm, ours):
    prompt, said = long_text(ours, 20), [[token] for token in range(100, 400)]
    theirs, own = by_vllm.score_batch([prompt], [said])[0], ours.score_batch([prompt], [said])[0]
    np.testing.assert_allclose(np.concatenate(theirs), np.concatenate(own), atol=1e-4)


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 1.0), (1.5, 0.8)])
def test_log_probabilities_are_those_of_the_law_that_was_sampled_from(by_vllm, ours, temperature, top_p):
    asked = prompts(ours, 4)
    for prompt, written in zip(
        asked, by_vllm.generate_batch(asked, Sampling(temperature, top_p, 12), range(4)), strict=True
    ):
        whole = torch.tensor([[*prompt, *written.token_ids]])
        with torch.no_grad():
            logits_TV = ours.module(whole).logits[0, len(prompt) - 1 : -1].double() / temperature
        share_TV = logits_TV.softmax(-1)
        ordered_TV, order_TV = share_TV.sort(descending=True)
        kept_TV = (ordered_TV.cumsum(-1) - ordered_TV < top_p) if top_p < 1 else torch.ones_like(ordered_TV).bool()
        law_TV = torch.zeros_like(share_TV).scatter(-1, order_TV, ordered_TV * kept_TV)
        law_TV /= law_TV.sum(-1, keepdim=True)
        expected = law_TV.gather(-1, torch.tensor(written.token_ids)[:, None])[:, 0].log()
        np.testing.assert_allclose(written.logprobs, expected, atol=2e-4)


def test_a_seed_gives_its_tokens_in_whatever_batch(by_vllm):
    asked, sampling = prompts(by_vllm, 16), Sampling(max_new_tokens=12)
    together = by_vllm.generate_batch(asked, sampling, range(16))
    again = by_vllm.generate_batch(asked[::-1], sampling, range(16)[::-1])[::-1]
    alone = by_vllm.generate_batch(asked[3:4], sampling, [3])
    assert [one.token_ids for one in together] == [one.token_ids for one in again]
    assert alone[0].token_ids == together[3].token_ids
    assert len({one.token_ids for one in by_vllm.generate_batch(asked[:1] * 8, sampling, range(8))}) > 1


def test_requests_meet_and_one_that_does_not_fit_fails_alone(by_vllm):
    asked, sampling = prompts(by_vllm, 6), Sampling(max_new_tokens=4)

    async def ask():
        writing = [by_vllm.generate(prompt, sampling, seed) for seed, prompt in enumerate(asked)]
        too_long = by_vllm.generate([1] * by_vllm.context, sampling, 0)
        return await asyncio.gather(*writing, by_vllm.score(asked[0], [[5, 6]]), too_long, return_exceptions=True)

    *written, scores, failed = asyncio.run(ask())
    assert [len(one.token_ids) for one in written] == [4] * 6
    assert len(scores[0]) == 2
    assert isinstance(failed, ValueError)
    assert "the context of smollm2" in str(failed)


def test_nothing_is_left_in_the_engine_when_nobody_waits_any_more(by_vllm):
    async def ask():
        task = asyncio.create_task(by_vllm.generate(prompts(by_vllm, 1)[0], Sampling(max_new_tokens=2000), 0))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await by_vllm.score([1, 2, 3], [[4]])

    assert len(asyncio.run(ask())[0]) == 1
    assert not by_vllm.sampler._llm.llm_engine.has_unfinished_requests()


def test_actions_are_chosen_by_the_law_of_the_model(by_vllm, ours):
    prompt, options = prompts(ours, 1)[0], options_of(ours, ("bet", "check", "raise all"))
    for uniform in (0.05, 0.5, 0.95):
        theirs = asyncio.run(choose(by_vllm, prompt, options, 1.0, uniform))
        own = asyncio.run(choose(ours, prompt, options, 1.0, uniform))
        assert theirs[0] == own[0]
        np.testing.assert_allclose(theirs[1], own[1], atol=1e-4)


def test_the_process_is_as_it_was_before():
    def state():
        return random.getstate()[1][:5], np.random.get_state()[1][:5].tolist(), torch.get_rng_state()[:40].tolist()

    before, set_threads = state(), torch.set_num_threads
    model = models.load("vllm:nano:seed=3:cache_gb=0.1")
    model.generate_batch([[1, 2, 3]], Sampling(max_new_tokens=4), [0])
    assert state() == before
    assert torch.set_num_threads is set_threads


def test_a_model_plays_by_its_spec():
    agents = {seat: registry.make_agent("vllm:nano:seed=3:cache_gb=0.1") for seat in ("player_0",)}
    agents["player_1"] = registry.make_agent("random")
    (episode,) = play([Match("e", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed=1)], agents)
    (call, *_) = [call for _, call in episode.trajectories["player_0"].calls]
    assert (episode.status, call.policy.model) == ("ok", "vllm:nano")
    assert call.policy.weights == models.load("nano:seed=3").weights_fingerprint


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("vllm:nano:cache_gb=1000000", r"vLLM cannot run nano with cache_gb=1e\+06: .*memory"),
        ("vllm:nano:cache_gb=0", "cache_gb must be a number of GiB above 0, got 0"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(spec, said):
    with pytest.raises(ValueError, match=said) as error:
        models.load(spec)
    assert "\n" not in str(error.value)


def test_an_engine_goes_on_when_another_one_ends(by_vllm):
    for seed in (1, 2):
        other = models.load(f"vllm:nano:seed={seed}:cache_gb=0.01")
        other.generate_batch([[1, 2]], Sampling(max_new_tokens=2), [0])
        del other
        gc.collect()
    assert len(by_vllm.generate_batch([[1, 2]], Sampling(max_new_tokens=2), [0])[0].token_ids) == 2


def test_a_small_cache_shortens_the_context():
    model = models.load("vllm:nano:cache_gb=0.001")
    assert 32 < model.context < 2048
    with pytest.raises(ValueError, match=f"the context of vllm:nano is {model.context}"):
        model.generate_batch([[1] * model.context], Sampling(max_new_tokens=1), [0])


def test_a_temperature_that_vllm_would_change_is_refused(by_vllm):
    with pytest.raises(ValueError, match=r"temperature must be >= 0.01 with vLLM, got 0.001"):
        by_vllm.generate_batch([[1, 2]], Sampling(temperature=0.001), [0])
