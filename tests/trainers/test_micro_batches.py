"""Memory: however a batch is cut into passes, and whatever is computed twice, the gradients are the same."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sparring.agents.models.engine import decode, fused, logprobs
from sparring.agents.models.engine.packing import pack
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.trainers.batch import Signal, merge
from sparring.trainers.learner import Learner, LearnerConfig, StepWeights
from sparring.trainers.targets import passes_of
from sparring.types import Sampling

torch.set_num_threads(1)
WEIGHTS = StepWeights(0.0, 0.05, 1.0, torch.empty(0))
PROMPT, ANSWERS, LENGTH = (11, 12, 13, 14), 6, 40


def model(recomputed=False):
    made = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")
    if recomputed:
        made.recompute_layers()
    return made


def answers(lengths=(LENGTH,) * ANSWERS, seed=0):
    """Free answers to one prompt with all that the loss may ask of them."""
    rng = np.random.default_rng(seed)
    for length in lengths:
        written = tuple(rng.integers(256, size=length).tolist())
        yield Signal(
            tokens=PROMPT + written,
            targets=tuple(range(len(PROMPT), len(PROMPT) + length)),
            sampling_logprobs=tuple(rng.normal(-5.5, 0.2, size=length).tolist()),
            allowed=(None,) * length,
            advantage=float(rng.normal()),
            reference_logprobs=tuple(rng.normal(-5.5, 0.2, size=length).tolist()),
        )


def gradients(model, signals, pack_nodes):
    """Summed over the passes of a batch, as the learner sums them."""
    learner = Learner(model, LearnerConfig(reference_kl=0.05, length=LENGTH))
    for one in passes_of(merge(signals), pack_nodes, model.device):
        hidden_ND = model.hidden(one.packed)
        sum(learner._loss(hidden_ND, targets, WEIGHTS)[0] for targets in one.targets).backward()
    return {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}


def one_at_a_time(signals):
    """Of a loop that knows no packs: every sample is a plain forward pass of its own."""
    plain, samples = model(), list(signals)
    for one in samples:
        logp_TV = plain.module(torch.tensor([one.tokens[:-1]]), use_cache=False).logits[0].log_softmax(-1)
        places = torch.tensor(one.targets) - 1
        logp_M = logp_TV[places, torch.tensor([one.tokens[at] for at in one.targets])]
        weight_M = (logp_M.detach() - torch.tensor(one.sampling_logprobs)).exp().clamp(max=2.0)
        log_ratio_M = torch.tensor(one.reference_logprobs) - logp_M
        kl_M = log_ratio_M.exp() - log_ratio_M - 1
        surrogate_M = one.advantage * (logp_M - logp_M.detach()).exp()
        ((-weight_M * surrogate_M + 0.05 * kl_M).sum() / LENGTH / len(samples)).backward()
    return {name: p.grad for name, p in plain.module.named_parameters()}


def distance(first, second):
    assert first.keys() == second.keys()
    return float(
        sum(((first[name] - second[name]) ** 2).sum() for name in first) ** 0.5
        / sum((value**2).sum() for value in second.values()) ** 0.5
    )


@pytest.mark.parametrize("pack_nodes", [8, 100, 1024])
@pytest.mark.parametrize("recomputed", [False, True])
def test_gradients_are_those_of_one_plain_pass_a_sample_however_they_are_packed(pack_nodes, recomputed):
    found = gradients(model(recomputed), answers(), pack_nodes)
    assert distance(found, one_at_a_time(answers())) < 1e-5


def test_a_sample_longer_than_the_budget_has_a_pass_of_its_own_and_others_share_one():
    passes = passes_of(merge(answers((80, 10, 10, 120))), 60, torch.device("cpu"))
    assert sorted(len(one.packed.token_ids) for one in passes) == [4 + 10 + 10 - 2, 4 + 80 - 1, 4 + 120 - 1]


def test_a_lone_sample_needs_no_mask_that_grows_with_its_square():
    (alone,) = pack([range(5000)])
    assert alone.is_row
    held = sum(getattr(alone, field.name).nbytes for field in dataclasses.fields(alone) if field.name != "sequences"
               and field.name != "nodes")  # fmt: skip
    assert held < 200_000, "three numbers a token, and not one for every pair of tokens"
    (shared,) = pack([(1, 2, 3), (1, 2, 4)])
    assert not shared.is_row
    (beginning,) = pack([(1, 2), (1, 2, 3)])
    assert beginning.is_row


def saved_bytes(model, signals):
    """What autograd keeps for the backward pass, weights apart, and the shape of the largest."""
    weights = {p.untyped_storage().data_ptr() for p in model.module.parameters()}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    learner = Learner(model, LearnerConfig(length=LENGTH))
    (one,) = passes_of(merge(signals), 4096, model.device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        learner._loss(model.hidden(one.packed), one.targets[0], WEIGHTS)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()), list(kept.values())


def test_recomputed_layers_keep_a_tenth_of_the_memory():
    signals = list(answers((600,)))
    all_of_it, _ = saved_bytes(model(), signals)
    inputs, _ = saved_bytes(model(recomputed=True), signals)
    assert inputs < all_of_it / 8


def test_no_log_probabilities_over_the_vocabulary_outlive_their_chunk():
    _, kept = saved_bytes(model(), list(answers((600,))))
    vocabulary = 260
    assert logprobs.CHUNK < 600
    assert not [tensor.shape for tensor in kept if tensor.shape[-1:] == (vocabulary,)]


def test_recomputing_is_refused_where_transformers_has_no_such_layers():
    plain = model()
    plain.module.supports_gradient_checkpointing = False
    with pytest.raises(ValueError, match="gradient_checkpointing does not work with a model of type 'llama'"):
        plain.recompute_layers()


class Shapes(TorchDispatchMode):
    """The shapes of all batched matrix products."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.bmm.default:
            self.found.add(tuple(tuple(one.shape) for one in args))
        return func(*args, **(kwargs or {}))


def test_long_answers_in_bf16_compile_no_kernel_for_every_length(monkeypatch):
    prompts, sampling = [PROMPT] * 3, Sampling(max_new_tokens=150, decoding="free")
    bf16 = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "bf16")
    with Shapes() as shapes:
        (first, *_) = bf16.generate_batch(prompts, sampling, range(3))
    assert len(shapes.found) < 30, "one for every 64 tokens, and not one for every token"
    scored = model().score_batch([PROMPT], [[first.token_ids]])[0][0]
    np.testing.assert_allclose(first.logprobs, scored, atol=0.1)
    monkeypatch.setattr(fused, "BLOCK", 1)
    (alone, *_) = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "bf16").generate_batch(
        prompts, sampling, range(3)
    )
    assert alone.token_ids[:20] == first.token_ids[:20]
    np.testing.assert_allclose(alone.logprobs[:20], first.logprobs[:20], atol=0.05)


def test_rows_whose_cache_would_not_fit_are_decoded_in_turn_and_write_the_same(monkeypatch):
    prompts, seeds, sampling = [PROMPT] * 5, range(5), Sampling(max_new_tokens=12, decoding="free")
    together = model()
    expected = together.generate_batch(prompts, sampling, seeds)
    token = decode.cache_bytes(together.module.config, torch.float32)
    assert token == 2 * together.module.config.num_hidden_layers * 2 * 32 * 4
    monkeypatch.setitem(decode.CACHE_BYTES, "cpu", 2 * 12 * token)
    few = model()
    assert [c.token_ids for c in few.generate_batch(prompts, sampling, seeds)] == [c.token_ids for c in expected]
    assert few._engine.rows(12) == 2
    assert few._engine.rows(10**9) == 1
