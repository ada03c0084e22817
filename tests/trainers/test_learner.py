"""The learner against plain formulas, and against TRL's GRPO on identical token ids."""

import copy
from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
import transformers
import trl

from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.trainers.batch import Signal, merge, signals_of
from sparring.trainers.learner import MOST_SKIPPED, Learner, LearnerConfig, NothingLearnt, StepWeights
from sparring.trainers.targets import passes_of
from sparring.types import Call, Policy, Sampling, Seen, Segment, Trajectory, Turn, call_id

torch.set_num_threads(1)
PROMPTS = ((11, 12, 13, 14), (11, 12, 20))
COMPLETIONS = ((30, 31, 32), (30, 40, 41), (50, 51, 52))
BETA, LENGTH = 0.05, 7


@pytest.fixture
def model():
    return TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")


def plain_logprobs(module, prompt, completion):
    ids = torch.tensor([prompt + completion])
    distributions = module(ids).logits[0].log_softmax(-1)
    return torch.stack([distributions[len(prompt) - 1 + i, token] for i, token in enumerate(completion)])


def signal(prompt, completion, sampling, advantage, reference=(), allowed=None):
    positions = tuple(range(len(prompt), len(prompt) + len(completion)))
    return Signal(
        prompt + completion, positions, tuple(sampling), allowed or (None,) * len(completion), 1.0, advantage, 0.0,
        tuple(reference),
    )  # fmt: skip


def gradients(learner, signals, old=None):
    """Loss and gradient of one batch; `old` overrides the learner's own log-probabilities before the update."""
    passes = passes_of(merge(signals), 1024, learner.model.device)
    total = torch.zeros(())
    learner.model.module.zero_grad()
    for one in passes:
        hidden = learner.model.hidden(one.packed)
        for targets in one.targets:
            if old is not None:
                targets.old_M = targets.sampling_M
            weights = StepWeights(0.0, learner.config.reference_kl, 1.0, torch.empty(0))
            total = total + learner._loss(hidden, targets, weights)[0]
    total.backward()
    return total.detach(), {name: p.grad.clone() for name, p in learner.model.module.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("clipped", [False, True])
def test_loss_and_gradient_equal_trls_grpo_on_the_same_tokens(model, tmp_path, clipped):
    rng = np.random.default_rng(0)
    pairs = [(prompt, completion) for prompt in PROMPTS for completion in COMPLETIONS]
    advantages = rng.normal(size=len(pairs))
    with torch.no_grad():
        now = [plain_logprobs(model.module, *pair).numpy() for pair in pairs]
    old = [logp + (rng.normal(scale=0.4, size=logp.shape) if clipped else 0.0) for logp in now]
    reference = [logp + rng.normal(scale=0.3, size=logp.shape) for logp in now]

    model.save(tmp_path / "nano")
    twin = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "nano", dtype="float32")
    arguments = trl.GRPOConfig(
        output_dir=str(tmp_path), use_cpu=True, report_to=[], loss_type="dr_grpo", beta=BETA, bf16=False,
        max_completion_length=LENGTH, per_device_train_batch_size=len(pairs), num_generations=len(pairs),
        gradient_checkpointing=False, use_bias_correction_kl=False,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=twin, args=arguments, reward_funcs=lambda completions, **_: [0.0] * len(completions),
        train_dataset=datasets.Dataset.from_dict({"prompt": ["a"]}),
        processing_class=transformers.AutoTokenizer.from_pretrained(tmp_path / "nano"),
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    width = max(map(len, PROMPTS))
    padded = [[0] * (width - len(p)) + list(p) for p, _ in pairs]
    inputs = {
        "prompt_ids": torch.tensor(padded),
        "prompt_mask": torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p, _ in pairs]),
        "completion_ids": torch.tensor([list(c) for _, c in pairs]),
        "completion_mask": torch.ones(len(pairs), 3, dtype=torch.long),
        "advantages": torch.tensor(advantages, dtype=torch.float32),
        "old_per_token_logps": torch.tensor(np.array(old), dtype=torch.float32),
        "ref_per_token_logps": torch.tensor(np.array(reference), dtype=torch.float32),
    }
    twin.train()
    theirs = trainer._compute_loss(twin, inputs)
    theirs.backward()

    learner = Learner(model, LearnerConfig(reference_kl=BETA, length=LENGTH))
    signals = [signal(p, c, o, a, r) for (p, c), o, a, r in zip(pairs, old, advantages, reference, strict=True)]
    ours, grads = gradients(learner, signals, old=True)
    assert float(ours) == pytest.approx(float(theirs.detach()), rel=1e-5)
    difference = sum(((grads[name] - p.grad) ** 2).sum() for name, p in twin.named_parameters()) ** 0.5
    size = sum((p.grad**2).sum() for p in twin.parameters()) ** 0.5
    assert float(difference / size) < 1e-5


def test_merging_equal_samples_leaves_the_gradient_as_it_is(model):
    prompt, choices = PROMPTS[0], ((30, 40),)
    with torch.no_grad():
        distribution = plain_logprobs(model.module, prompt, (30,)), plain_logprobs(model.module, prompt, (40,))
    norm = torch.logaddexp(*distribution)
    logp = [float(value - norm) for value in distribution]
    many = [signal(prompt, (30,), logp[:1], a, allowed=choices) for a in (1.0, -0.5, 2.0)]
    many += [signal(prompt, (40,), logp[1:], a, allowed=choices) for a in (-1.0, 0.25)]
    assert len(merge(many).merged) == 2
    _, merged = gradients(Learner(model, LearnerConfig()), many)

    model.module.zero_grad()
    first = plain_logprobs(model.module, prompt, (30,))
    second = plain_logprobs(model.module, prompt, (40,))
    both = torch.logaddexp(first, second)
    (-(2.5 * (first - both) - 0.75 * (second - both)) / 5).sum().backward()
    for name, parameter in model.module.named_parameters():
        torch.testing.assert_close(merged[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_score_equals_a_plain_forward_pass(model):
    scores = model.score_batch(PROMPTS, [COMPLETIONS] * 2)
    for prompt, row in zip(PROMPTS, scores, strict=True):
        for completion, logprobs in zip(COMPLETIONS, row, strict=True):
            with torch.no_grad():
                plain = plain_logprobs(model.module, prompt, completion)
            np.testing.assert_allclose(logprobs, plain.numpy(), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_score_equals_a_plain_forward_pass_on_smollm2():
    smollm2 = TransformersModel("smollm2", device="cpu", precision="fp32")
    chats = [smollm2.chat([{"role": "user", "content": text}]) for text in ("Card: K. Act.", "Card: Q. You act.")]
    answers = [smollm2.encode("bet"), smollm2.encode("check and then call")]
    for prompt, row in zip(chats, smollm2.score_batch(chats, [answers] * 2), strict=True):
        for answer, logprobs in zip(answers, row, strict=True):
            with torch.no_grad():
                plain = plain_logprobs(smollm2.module, tuple(prompt), tuple(answer))
            np.testing.assert_allclose(logprobs, plain.numpy(), rtol=0, atol=1e-4)


def test_a_step_makes_what_paid_more_likely(model):
    learner = Learner(model, LearnerConfig(learning_rate=1e-3))
    with torch.no_grad():
        before = plain_logprobs(model.module, PROMPTS[0], COMPLETIONS[0])
    learner.step([signal(PROMPTS[0], COMPLETIONS[0], before.tolist(), advantage=1.0)])
    with torch.no_grad():
        after = plain_logprobs(model.module, PROMPTS[0], COMPLETIONS[0])
    assert after.sum() > before.sum()
    assert model.weights_version == "update-1"


def test_the_magnet_pulls_towards_the_uniform_distribution(model):
    choices = ((30, 40),)
    learner = Learner(model, LearnerConfig(learning_rate=1e-6))
    prompt = PROMPTS[0]

    def spread():
        with torch.no_grad():
            return abs(float(plain_logprobs(model.module, prompt, (30,)) - plain_logprobs(model.module, prompt, (40,))))

    before = spread()
    for _ in range(5):
        learner.step([signal(prompt, (30,), (-0.7,), advantage=0.0, allowed=choices)], magnet=1.0)
        before, earlier = spread(), before
        assert before < earlier


def test_an_empty_batch_changes_nothing(model):
    before = copy.deepcopy(model.module.state_dict())
    assert Learner(model, LearnerConfig()).step([]) == {"samples": 0.0}
    assert all(torch.equal(before[name], value) for name, value in model.module.state_dict().items())


@pytest.mark.parametrize(("momentum", "has_first_moment"), [(0.0, False), (0.9, True)])
def test_a_checkpoint_holds_no_moment_that_the_next_step_overwrites_and_goes_on_bit_for_bit(
    model, momentum, has_first_moment
):
    config = LearnerConfig(learning_rate=1e-3, betas=(momentum, 0.95))
    learner = Learner(model, config)
    learner.step([signal(PROMPTS[0], COMPLETIONS[0], (-1.0,) * 3, 1.0)])
    state, weights = copy.deepcopy(learner.state_dict()), copy.deepcopy(model.module.state_dict())
    assert all(("exp_avg" in kept) == has_first_moment for kept in state["optimizer"]["state"].values())
    last = [signal(PROMPTS[1], COMPLETIONS[1], (-1.0,) * 3, -1.0)]
    learner.step(last)
    gone_on = copy.deepcopy(model.module.state_dict())
    model.module.load_state_dict(weights)
    again = Learner(model, config)
    again.load_state_dict(state)
    again.step(last)
    assert all(torch.equal(gone_on[name], value) for name, value in model.module.state_dict().items())


def test_samples_of_two_temperatures_are_refused(model):
    one = signal(PROMPTS[0], COMPLETIONS[0], (-1.0,) * 3, 1.0)
    other = Signal(one.tokens, one.targets, one.sampling_logprobs, one.allowed, temperature=0.5)
    with pytest.raises(ValueError, match=r"one temperature, got \[0.5, 1.0\]"):
        Learner(model, LearnerConfig()).step([one, other])


@pytest.mark.parametrize("advantage", [float("nan"), float("inf"), 1e39])
def test_a_step_that_is_not_finite_is_skipped_and_counted(model, advantage):
    learner = Learner(model, LearnerConfig(learning_rate=1e-3))
    good = signal(PROMPTS[0], COMPLETIONS[0], (-1.0,) * 3, 1.0)
    assert learner.step([good])["skipped_steps"] == 0.0
    weights, optimizer = (copy.deepcopy(part.state_dict()) for part in (model.module, learner.optimizer))
    spoilt = signal(PROMPTS[1], COMPLETIONS[1], (-1.0,) * 3, advantage)
    assert learner.step([good, spoilt])["skipped_steps"] == 1.0
    assert all(torch.equal(weights[name], value) for name, value in model.module.state_dict().items())
    assert repr(learner.optimizer.state_dict()) == repr(optimizer)
    learner.step([good])
    assert all(torch.isfinite(value).all() for value in model.module.state_dict().values())
    assert learner.skipped == 0


def test_training_ends_where_no_step_can_be_taken_for_long(model):
    learner = Learner(model, LearnerConfig(epochs=2))
    spoilt = signal(PROMPTS[0], COMPLETIONS[0], (-1.0,) * 3, float("nan"))
    for _ in range(MOST_SKIPPED - 1):
        assert learner.step([spoilt])["skipped_steps"] == 2.0
    with pytest.raises(NothingLearnt, match=r"not finite in 3 updates in a row.*smaller learning_rate"):
        learner.step([spoilt])


def test_an_advantage_that_is_not_finite_names_its_trajectory():
    with pytest.raises(ValueError, match="advantage of trajectory t must be a finite number, got nan"):
        signals_of(trajectory(), advantage=float("nan"))


def test_sampler_mismatch_is_the_largest_difference_over_all_packs_and_the_mean_one(model):
    with torch.no_grad():
        true = [plain_logprobs(model.module, prompt, COMPLETIONS[0]) for prompt in PROMPTS]
    put_in = (0.05, 0.1)
    signals = [
        signal(prompt, COMPLETIONS[0], (logp + error).tolist(), 1.0)
        for prompt, logp, error in zip(PROMPTS, true, put_in, strict=True)
    ]
    assert len(passes_of(merge(signals), 5, model.device)) == 2
    measured = Learner(model, LearnerConfig(pack_nodes=5)).step(signals)
    assert measured["sampler_mismatch"] == pytest.approx(0.1, abs=1e-5)
    tokens = [len(COMPLETIONS[0])] * 2
    assert measured["sampler_mismatch_mean"] == pytest.approx(np.average(put_in, weights=tokens), abs=1e-5)


def test_the_magnet_holds_a_decision_equally_however_it_is_packed(model):
    """One decision whose two actions lie in two packs, beside another one."""
    first, second = ((30, 31), (30,)), ((40, 41), (40,))
    signals = [
        signal(PROMPTS[0], tokens, (-0.7,) * len(tokens), 0.0, allowed=((30, 40), (31, 41))[: len(tokens)])
        for pair in (first, second)
        for tokens in pair
    ]
    signals.append(signal(PROMPTS[1], (50,), (-0.7,), 0.0, allowed=((50, 60),)))

    def gradient(max_nodes):
        learner = Learner(model, LearnerConfig(learning_rate=0.0, max_grad_norm=1e9, pack_nodes=max_nodes))
        found = {}
        step = learner.optimizer.step
        learner.optimizer.step = lambda: (
            found.update((name, p.grad.clone()) for name, p in model.module.named_parameters()),
            step(),
        )
        measured = learner.step(signals, magnet=1.0)
        return found, measured["entropy"]

    (one, entropy), (many, entropy_of_many) = gradient(2048), gradient(5)
    assert entropy == pytest.approx(entropy_of_many, rel=1e-5)
    size = sum(value.square().sum() for value in one.values()) ** 0.5
    assert sum((one[name] - many[name]).square().sum() for name in one) ** 0.5 < 1e-5 * size


def trajectory(trainable=True, top_p=1.0, turns=1, extends=False):
    segments = (
        Segment("prompt", (1, 2)),
        Segment("scaffold", (3,)),
        Segment("generated", (4, 5), (-0.1, 0.0), ((4, 9), (5,))),
    )
    call = Call(Policy("m", trainable=trainable), Sampling(top_p=top_p), segments)
    calls = [replace(call, continues=call_id(i - 1, 0) if extends and i else None) for i in range(turns)]
    played = tuple(Turn(i, Seen(("o",), ("a",)), "a", True, 0.0, calls=(one,)) for i, one in enumerate(calls))
    return Trajectory("t", "player_0", "m", played, 1.0)


def test_prompts_scaffolds_and_forced_tokens_are_never_trained_on():
    (found,) = signals_of(trajectory(), advantage=2.0)
    assert (found.tokens, found.targets, found.allowed) == ((1, 2, 3, 4), (3,), ((4, 9),))


def test_turns_that_extend_each_other_are_one_sample():
    (found,) = signals_of(trajectory(turns=2, extends=True))
    assert found.tokens == (1, 2, 3, 4, 5, 1, 2, 3, 4)
    assert found.targets == (3, 8)
    assert len(signals_of(trajectory(turns=2))) == 2


def test_frozen_trajectories_are_refused():
    with pytest.raises(ValueError, match="played by a frozen agent"):
        signals_of(trajectory(trainable=False))


def test_truncated_sampling_distributions_are_refused():
    with pytest.raises(ValueError, match=r"top_p 0\.9; training needs 1\.0"):
        signals_of(trajectory(top_p=0.9))


# Streams


def assert_gradients_are(found, model):
    """Those that `backward` left in the model, to 1e-5 of their norm."""
    expected = {name: parameter.grad for name, parameter in model.module.named_parameters()}
    norm = sum(value.square().sum() for value in expected.values()) ** 0.5
    assert norm > 0.01
    assert sum((found[name] - value).square().sum() for name, value in expected.items()) ** 0.5 < 1e-5 * norm


def test_a_stream_holds_one_value_a_turn_for_every_token_of_the_turn():
    (found,) = signals_of(trajectory(turns=2, extends=True), advantage=[1.0, -2.0], imitation=(0.0, 0.5))
    assert (found.targets, found.advantage, found.imitation) == ((3, 8), (1.0, -2.0), (0.0, 0.5))
    with pytest.raises(ValueError, match="advantage of trajectory t must be one a turn, 2, got 3"):
        signals_of(trajectory(turns=2), advantage=[1.0, 2.0, 3.0])


def test_advantages_by_token_are_those_of_the_plain_formula(model):
    advantages, imitation = (0.5, -1.0, 2.0), (0.0, 0.3, 0.7)
    with torch.no_grad():
        sampled = plain_logprobs(model.module, PROMPTS[0], COMPLETIONS[0]).tolist()
    one = replace(signal(PROMPTS[0], COMPLETIONS[0], sampled, 0.0), advantage=advantages, imitation=imitation)
    _, grads = gradients(Learner(model, LearnerConfig()), [one, one])
    model.module.zero_grad()
    logp = plain_logprobs(model.module, PROMPTS[0], COMPLETIONS[0])
    (-(torch.tensor(advantages) + torch.tensor(imitation)) * logp).sum().backward()
    assert_gradients_are(grads, model)


def test_every_game_of_a_batch_weighs_the_same_however_many_samples_it_has(model):
    """Three samples of one game and one of another: means, then their mean."""
    cases = [(COMPLETIONS[0], 1.0, "a"), (COMPLETIONS[1], -1.0, "a"), (COMPLETIONS[2], 2.0, "a"), ((60, 61), 1.5, "b")]
    with torch.no_grad():
        sampled = [plain_logprobs(model.module, PROMPTS[0], tokens).tolist() for tokens, _, _ in cases]
    signals = [
        replace(signal(PROMPTS[0], tokens, logprobs, advantage), game=game)
        for (tokens, advantage, game), logprobs in zip(cases, sampled, strict=True)
    ]
    _, grads = gradients(Learner(model, LearnerConfig()), signals)
    model.module.zero_grad()
    weights = {"a": 1 / 6, "b": 1 / 2}
    loss = sum(-weights[g] * a * plain_logprobs(model.module, PROMPTS[0], tokens).sum() for tokens, a, g in cases)
    loss.backward()
    assert_gradients_are(grads, model)


def test_the_magnet_is_the_divergence_between_distributions_over_actions(model):
    """Actions aa, ab, b: met as often as they are likely, the tokens' divergences sum to that of the actions."""
    spelt, prompt = ((30, 30), (30, 31), (40,)), PROMPTS[0]
    with torch.no_grad():
        first = torch.stack([plain_logprobs(model.module, prompt, (token,))[0] for token in (30, 40)]).log_softmax(-1)
        second = torch.stack([plain_logprobs(model.module, (*prompt, 30), (token,))[0] for token in (30, 31)])
        second = second.log_softmax(-1)
    logp = {(30, 30): first[0] + second[0], (30, 31): first[0] + second[1], (40,): first[1]}
    exact = sum(float(value.exp() * (value - np.log(1 / 3))) for value in logp.values())
    entropy = -sum(float(value.exp() * value) for value in logp.values())
    times, signals = {action: round(10_000 * float(value.exp())) for action, value in logp.items()}, []
    for action, count in times.items():
        allowed, leaves = ((30, 40), (30, 31))[: len(action)], ((2, 1), (1, 1))[: len(action)]
        one = signal(prompt, action, (-0.7,) * len(action), 0.0, allowed=allowed)
        signals += [replace(one, starts=(len(prompt),) * len(action), leaves=leaves)] * count
    learner = Learner(model, LearnerConfig(learning_rate=0.0))
    measured = learner.step(signals, magnet=1.0)
    assert measured["loss"] == pytest.approx(exact, rel=2e-3)
    assert measured["entropy"] == pytest.approx(entropy, rel=2e-3)
    assert spelt[0] in logp


def test_spellings_say_how_many_actions_begin_with_a_token():
    call = Call(Policy("m", trainable=True), Sampling(), (
        Segment("prompt", (1, 2)), Segment("generated", (30, 31), (-0.1, -0.2), ((30, 40), (30, 31))),
    ))  # fmt: skip
    turn = Turn(0, Seen(("o",), ("aa", "ab", "b")), "ab", True, 0.0, calls=(call,))
    spelt = {"aa": (30, 30), "ab": (30, 31), "b": (40,)}
    played = Trajectory("t", "player_0", "m", (turn,), 1.0)
    (found,) = signals_of(played, 1.0, game="g", spellings=lambda actions: [spelt[action] for action in actions])
    assert (found.starts, found.leaves, found.game) == ((2, 2), ((2, 1), (1, 1)), "g")


def test_pairs_are_dpo(model):
    """Loss and gradient of two pairs against a plain autograd loop over equation 7."""
    beta = 0.7
    pairs = [(PROMPTS[0], COMPLETIONS[0], COMPLETIONS[1]), (PROMPTS[1], COMPLETIONS[2], COMPLETIONS[0])]
    rng, signals, references = np.random.default_rng(1), [], []
    for number, (prompt, *sides) in enumerate(pairs):
        for preferred, tokens in zip((True, False), sides, strict=True):
            with torch.no_grad():
                now = plain_logprobs(model.module, prompt, tokens).numpy()
            reference = now + rng.normal(scale=0.8, size=now.shape)
            references.append(float(reference.sum()))
            one = signal(prompt, tokens, now.tolist(), 0.0, reference.tolist())
            signals.append(replace(one, pair=f"p{number}", preferred=preferred))
    learner = Learner(model, LearnerConfig(pair_beta=beta, max_grad_norm=1e9, learning_rate=0.0))
    found = {}
    step = learner.optimizer.step
    learner.optimizer.step = lambda: (
        found.update((n, p.grad.clone()) for n, p in model.module.named_parameters()),
        step(),
    )
    measured = learner.step(signals)

    model.module.zero_grad()
    margins = []
    for number, (prompt, chosen, rejected) in enumerate(pairs):
        better = plain_logprobs(model.module, prompt, chosen).sum() - references[2 * number]
        margins.append(better - plain_logprobs(model.module, prompt, rejected).sum() + references[2 * number + 1])
    loss = -torch.nn.functional.logsigmoid(beta * torch.stack(margins)).mean()
    loss.backward()
    assert measured["pair_loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert measured["pair_accuracy"] == float(np.mean([margin.item() > 0 for margin in margins]))
    assert_gradients_are(found, model)


def test_half_a_pair_and_a_pair_without_a_reference_are_refused(model):
    one = replace(signal(PROMPTS[0], COMPLETIONS[0], (-1.0,) * 3, 0.0, (-1.0,) * 3), pair="p")
    with pytest.raises(ValueError, match="pair 'p' needs a preferred sample and another one"):
        Learner(model, LearnerConfig()).step([one])
    with pytest.raises(ValueError, match="pair 'p' needs reference_logprobs in both samples"):
        Learner(model, LearnerConfig()).step([one, replace(one, preferred=False, reference_logprobs=())])
