"""Runs that train an adapter: what changes, what is saved and loaded again, and whose adapter it is."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sparring.agents import models
from sparring.agents.models.adapter import Lora, merged_weights
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.store.store import Store
from sparring.trainers.batch import Signal, merge
from sparring.trainers.config import learner_config
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.trainers.methods.grpo import Config as GrpoConfig
from sparring.trainers.methods.grpo import Grpo
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.reference import add_reference
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunError
from sparring.types import Sampling

torch.set_num_threads(1)
PROMPTS = ((11, 12, 13, 14), (11, 12, 20))
SMALL = Config(
    steps=4, games_per_update=8, league_every=1, league_share=0.5, checkpoint_every=2, evaluation_games=2,
    probe_every=0, device="cpu", seed=5, lora_rank=4, lora_alpha=8,
)  # fmt: skip


def adapted(rank=4, targets=("all-linear",), precision="fp32"):
    made = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), precision)
    made.add_adapter(Lora(rank, 2 * rank, targets))
    return made


def written(model, update=0):
    """Answers of the model, half of them good."""
    prompts = [prompt for prompt in PROMPTS for _ in range(4)]
    made = model.generate_batch(
        prompts, Sampling(max_new_tokens=12, decoding="free"), range(8 * update, 8 * update + 8)
    )
    for index, (prompt, answer) in enumerate(zip(prompts, made, strict=True)):
        count = len(answer.token_ids)
        targets = tuple(range(len(prompt), len(prompt) + count))
        yield Signal(prompt + answer.token_ids, targets, answer.logprobs, (None,) * count, 1.0, (-1.0) ** index)


def trained(model, updates=3):
    learner = Learner(model, LearnerConfig(learning_rate=1e-2, length=12))
    return [learner.step(written(model, update)) for update in range(updates)]


def test_a_new_adapter_changes_nothing_and_training_changes_only_the_adapter():
    plain, model = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32"), adapted()
    np.testing.assert_array_equal(*(m.score_batch([PROMPTS[0]], [[(5, 6, 7)]])[0][0] for m in (plain, model)))
    before = copy.deepcopy(model.module.state_dict())
    trained(model, 1)
    changed = {name for name, value in model.module.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert changed <= set(model.weights())
    assert all(".lora_" in name for name in model.weights())


def test_only_the_adapter_is_in_the_optimizer():
    model = adapted(rank=4)
    learner = Learner(model, LearnerConfig())
    assert sum(p.numel() for group in learner.optimizer.param_groups for p in group["params"]) == sum(
        value.numel() for value in model.weights().values()
    )


def test_the_sampler_has_the_adapter_in_its_weights_after_every_update():
    model = adapted()
    measured = trained(model)
    assert model._engine.fused
    assert max(row["sampler_mismatch"] for row in measured) < 1e-4
    moved = max(float(delta.abs().max()) for name, delta in model.weights().items() if "lora_B" in name)
    assert moved > 1e-3, "the adapter has learnt something, so a sampler without it would differ"


def test_a_model_that_is_not_fused_samples_with_its_adapter_too(monkeypatch):
    monkeypatch.setattr("sparring.agents.models.engine.decode.can_fuse", lambda config: False)
    model = adapted()
    measured = trained(model)
    assert not model._engine.fused
    assert not any(".lora_" in name for name in model._engine._plain.state_dict())
    assert max(row["sampler_mismatch"] for row in measured) < 1e-4


def test_merged_weights_are_those_of_a_model_that_computes_the_same():
    model = adapted()
    trained(model)
    plain = read_model("nano", device="cpu", seed=3).model
    plain.load_state_dict(dict(merged_weights(model.module)))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, model.module(ids).logits, atol=1e-4, rtol=0)


def test_the_reference_is_the_same_module_with_the_adapter_off():
    model, start = adapted(), TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")
    trained(model)
    reference = model.reference()
    assert reference.module is model.module
    assert start.reference() is None
    batches = [merge(written(model)), merge(written(model))]
    for batch, other in zip(batches, (reference, start), strict=True):
        add_reference(batch, other, 1.0, 1024)
    for one, other in zip(*(batch.merged for batch in batches), strict=True):
        np.testing.assert_allclose(one.signal.reference_logprobs, other.signal.reference_logprobs, atol=1e-5)
    assert Learner(model, LearnerConfig(reference_kl=0.1, length=12)).step(batches[0])["grad_norm"] > 0.1


def test_recomputed_layers_train_an_adapter_as_others_do():
    found = []
    for recomputed in (False, True):
        model = adapted()
        signals = list(written(model))
        if recomputed:
            model.recompute_layers()
        Learner(model, LearnerConfig(learning_rate=1e-2, length=12)).step(signals)
        found.append(model.weights())
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("targets", "said"),
    [(("no_such",), "must name layers of the model, got no_such"), (("lm_head",), "must leave out embedding and head")],
)
def test_targets_that_cannot_be_are_refused(targets, said):
    with pytest.raises(ValueError, match=f"lora_targets {said}"):
        adapted(targets=targets)


def test_the_settings_choose_the_layers():
    assert {name.split(".")[4] for name in adapted(targets=("q_proj", "v_proj")).weights()} == {"q_proj", "v_proj"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    assert Run.start(Spiral, SMALL, path).run()
    return path


def test_a_run_keeps_adapters_and_no_model(finished):
    weights = [*finished.rglob("*.safetensors")]
    assert {file.name for file in weights} >= {
        "weights.safetensors",
        "adapter_model.safetensors",
        "update-4.safetensors",
    }
    for file in weights:
        assert all(".lora_" in name for name in load_file(file)), file
        assert file.stat().st_size < 300_000, "nano has 3.3 MB"


def test_the_best_adapter_of_a_run_is_loaded_as_a_model(finished):
    run = Run.resume(Spiral, finished, steps=5)
    run.folder.release()
    run.folder.checkpoints.save_whole("best", run.model.save)
    loaded = models.load_trainable(str(finished), device="cpu")
    assert loaded.name == str(finished)
    assert loaded.adapter is None, "it is in the weights, and the model can be trained as any other"
    question = ([PROMPTS[0]], [[(5, 6, 7)]])
    np.testing.assert_allclose(loaded.score_batch(*question)[0][0], run.model.score_batch(*question)[0][0], atol=1e-5)
    assert loaded.weights_fingerprint != run.load_model().weights_fingerprint
    loaded.add_adapter(Lora(2, 2))


def test_every_call_names_the_adapter_that_wrote_it(finished):
    with Store(finished / "episodes") as store:
        policies = {
            call.policy for episode in store for t in episode.trajectories.values() for _, call in t.calls
        }  # fmt: skip
    assert {policy.adapter for policy in policies if policy.trainable} == {"lora-r4-a8"}


def test_a_resumed_run_is_the_run_that_would_have_been(finished, tmp_path):
    path, half = tmp_path / "run", []
    first = Run.start(Spiral, SMALL, path)
    first.run(should_stop=lambda: first.done == 2)
    assert Run.resume(Spiral, path).run(half.append)
    whole, again = (next(p.glob("checkpoints/update-000004/weights.safetensors")) for p in (finished, path))
    assert whole.read_bytes() == again.read_bytes()


def test_an_adapter_of_another_model_is_refused_in_one_line(finished, tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    adapted().save(folder)
    base = json.loads((folder / "base.json").read_text())
    assert base == {"model": "nano", "seed": 3, "fingerprint": read_model("nano", seed=3).fingerprint}
    (folder / "base.json").write_text(json.dumps({**base, "seed": 4}))
    with pytest.raises(
        ValueError, match=r"is an adapter of another model: it was trained on nano with fingerprint \w+"
    ):
        models.load(str(folder), device="cpu")
    (folder / "base.json").unlink()
    with pytest.raises(ValueError, match=r"holds an adapter, and base\.json in it must name its model"):
        models.load(str(folder), device="cpu")


def test_a_run_whose_model_has_changed_is_not_gone_on_with(tmp_path):
    start = tmp_path / "start"
    models.load_trainable("nano:seed=1", device="cpu").save(start)
    path = tmp_path / "run"
    config = replace(SMALL, model=str(start), steps=1, evaluation_games=0)
    assert Run.start(Spiral, config, path).run()
    models.load_trainable("nano:seed=2", device="cpu").save(start)
    with pytest.raises(RunError, match=r"the adapters of .* belong to another model: .* nothing was changed"):
        Run.resume(Spiral, path, steps=2)


def test_a_run_with_a_penalty_to_its_start_needs_no_second_copy(tmp_path):
    config = GrpoConfig(
        games=("sparring/TicTacToe-v0",), opponents=("random",), steps=2, games_per_update=8, group_size=4,
        probe_every=0, evaluation_games=0, device="cpu", lora_rank=2, reference_kl=0.1, gradient_checkpointing=True,
    )  # fmt: skip
    run = Run.start(Grpo, config, tmp_path / "run")
    assert run.run()
    assert run._reference.module is run.model.module


def test_the_usual_step_size_of_an_adapter_is_larger(tmp_path):
    large = TransformersModel.from_loaded(read_model("nano", device="cpu"), "fp32")
    large.module.extra = torch.nn.Parameter(torch.zeros(10_000_000))
    assert learner_config(replace(SMALL, lora_rank=0), large).learning_rate == 3e-5
    assert learner_config(SMALL, large).learning_rate == 3e-4
