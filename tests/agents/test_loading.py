"""One door to language models: what a spec may say, and what is said where it cannot be right."""

import asyncio
import copy
import gc
import weakref

import gymnasium
import pytest

from sparring import registry
from sparring.agents import models
from sparring.agents.models.openai import OpenAIModel
from sparring.agents.players import LanguageModelAgent
from sparring.registry import UnknownName
from sparring.types import Sampling


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_a_spec_carries_the_options_of_its_model():
    first, same, other = (models.load(f"nano:device=cpu:seed={seed}") for seed in (3, 3, 4))
    assert first.weights_fingerprint == same.weights_fingerprint != other.weights_fingerprint
    assert models.load("nano:precision=bf16:device=cpu").precision == "bf16"


def test_options_of_the_caller_go_before_those_of_the_spec():
    assert models.load("nano:seed=3", seed=4).weights_fingerprint == models.load("nano:seed=4").weights_fingerprint


def test_a_folder_is_loaded_whatever_colons_its_name_has(tmp_path):
    model = models.load_trainable("nano:seed=5", device="cpu")
    folder = tmp_path / "a:b=c"
    model.save(folder)
    assert models.load(str(folder)).weights_fingerprint == model.weights_fingerprint


def test_a_loaded_model_writes_and_scores_one_request_at_a_time():
    model = models.load("nano", device="cpu")
    prompt = model.chat([{"role": "user", "content": "Your card is K."}])

    async def ask():
        return await asyncio.gather(
            model.generate(prompt, Sampling(max_new_tokens=4), seed=1), model.score(prompt, [model.encode("bet")])
        )

    written, (scores,) = asyncio.run(ask())
    assert len(written.token_ids) == len(written.logprobs) == 4
    assert len(scores) == len(model.encode("bet"))


def test_a_server_is_named_by_its_address():
    model = models.load("openai:vendor/name:8b:url=http://localhost:8000/v1:timeout=2.5")
    assert isinstance(model, OpenAIModel)
    assert (model.name, model.timeout) == ("vendor/name:8b", 2.5)
    assert str(model._client.base_url) == "http://localhost:8000/v1/"


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("nanoo", UnknownName, r"unknown model 'nanoo'; did you mean 'nano'\? \(or give a folder, or a hub id"),
        ("nano:sede=3", ValueError, "model 'nano:sede=3' has no option 'sede'; it takes device, precision, seed"),
        ("nano:seed=x", ValueError, "seed of model 'nano:seed=x' must be a whole number, got 'x'"),
        ("nano:precision=int8", ValueError, "precision of model .* must be auto or fp32 or bf16, got 'int8'"),
        ("nano:url=http://x", ValueError, "model 'nano:url=http://x' has no option 'url'"),
        ("nano:device=tpu", ValueError, "device must be auto, cpu, cuda or cuda:N, got 'tpu'"),
        ("nano:device=cuda:77", ValueError, "device 'cuda:77' is not here"),
        ("openai", ValueError, "the name of a model must follow `openai:`, got 'openai'"),
        ("openai:m", ValueError, "where is 'm' served. Write openai:m:url=http://localhost:8000/v1"),
        (
            "openai:m:seed=3",
            ValueError,
            "'openai:m:seed=3' has no option 'seed'; it takes timeout, token_ids, tokenizer, url",
        ),
        ("openai:m:url=localhost", ValueError, "url must begin with http:// or https://, got 'localhost'"),
        ("openai:m:url=http://u:pw@h/v1", ValueError, "url must hold no password, got one for 'http://h/v1'"),
        ("openai:m:timeout=0:url=http://h", ValueError, "timeout must be a number of seconds > 0, got 0"),
        ("vllm", ValueError, "the name of a model must follow `vllm:`, got 'vllm'"),
        ("vllm:nano:dtype=half", ValueError, "model 'vllm:nano:dtype=half' has no option 'dtype'; it takes cache_gb,"),
        ("vllm:nano:cache_gb=x", ValueError, "cache_gb of model 'vllm:nano:cache_gb=x' must be .*number.*, got 'x'"),
    ],
)
def test_a_wrong_spec_says_what_would_be_right(spec, kind, said):
    with pytest.raises(kind, match=said) as error:
        models.load(spec)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("openai:m:url=http://localhost:1/v1", "must be in this process, and 'openai:m:url=.*' is behind a server"),
        ("vllm:m", "vLLM samples and does not train, got 'vllm:m': name 'm' itself, and .* with --engine vllm"),
    ],
)
def test_only_a_model_in_this_process_is_trained(spec, said):
    with pytest.raises(ValueError, match=said):
        models.load_trainable(spec)


def test_agents_hand_the_options_of_a_model_on():
    agent = registry.make_agent("tree-of-code:nano:device=cpu:seed=3:width=2")
    assert agent.models[0].weights_fingerprint == models.load("nano:seed=3").weights_fingerprint
    assert registry.make_agent("nano:seed=3").model.weights_fingerprint == agent.models[0].weights_fingerprint
    served = registry.make_agent("code-act:openai:m:url=http://localhost:8000/v1")
    assert str(served.model._client.base_url) == "http://localhost:8000/v1/"
    assert registry.make_agent("openai:m:url=http://h:1/v1:temperature=0").sampling.temperature == 0
    with pytest.raises(ValueError, match="model 'nano' has no option 'url'"):
        registry.make_agent("code-act:nano:url=http://h")


def test_a_model_that_shows_no_probabilities_cannot_choose_by_them():
    with pytest.raises(ValueError, match=r"m shows no probabilities to choose by: sampling.decoding must be 'free'"):
        LanguageModelAgent(models.load("openai:m:url=http://h"))


def test_agents_of_one_spec_share_a_model_and_other_options_do_not():
    one, same, other = (registry.make_agent(f"nano:device=cpu:seed={seed}") for seed in (3, 3, 4))
    talking = registry.make_agent("chat:nano:device=cpu:seed=3")
    assert one.model is same.model
    assert one.model is not other.model
    assert copy.deepcopy(one).model is one.model
    assert talking.model is one.model


def test_environments_that_name_one_opponent_have_one_model_and_so_have_their_copies():
    first, second = (
        gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="nano", seat="player_1").unwrapped
        for _ in range(2)
    )
    assert first._opponent.model is second._opponent.model
    first.reset(seed=0)
    twin = copy.deepcopy(first)
    assert twin._opponent is first._opponent
    assert twin._players["player_0"].agent is first._opponent
    assert twin.step("check")[0] == first.step("check")[0]


def test_a_folder_that_has_changed_is_loaded_anew(tmp_path):
    models.load("nano", device="cpu").save(tmp_path / "m")
    before = models.load_shared(str(tmp_path / "m"), device="cpu")
    assert models.load_shared(str(tmp_path / "m"), device="cpu") is before
    models.load("nano:seed=9", device="cpu").save(tmp_path / "m")
    assert models.load_shared(str(tmp_path / "m"), device="cpu").weights_fingerprint != before.weights_fingerprint


def test_a_model_that_nobody_holds_is_let_go():
    gone = weakref.ref(models.load_shared("nano:seed=77", device="cpu"))
    gc.collect()
    assert gone() is None
