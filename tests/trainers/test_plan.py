"""What `--plan` says against what is really allocated."""

import json
from dataclasses import replace

import pytest
import torch

from sparring.agents.models.engine.decode import Engine
from sparring.cli.app import main
from sparring.store.store import Store
from sparring.trainers import saving
from sparring.trainers.batch import Signal, merge
from sparring.trainers.config import load_model
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.plan import plan_of
from sparring.trainers.run import Run
from sparring.trainers.targets import passes_of

torch.set_num_threads(1)
SMALL = Config(
    steps=4, games_per_update=64, checkpoint_every=1, league_every=1, league_size=2, evaluation_games=0, probe_every=0,
    keep_checkpoints=2, device="cpu",
)  # fmt: skip
LORA = replace(SMALL, lora_rank=8)


def near(value):
    return pytest.approx(value, rel=0.25)


def answer(tokens):
    """A free answer whose pass has so many nodes."""
    ids = tuple(index % 250 for index in range(tokens + 1))
    return Signal(ids, tuple(range(1, len(ids))), (-5.0,) * tokens, (None,) * tokens, 1.0, 1.0)


def bytes_of(tensors):
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def saved_bytes(model, tokens):
    """What autograd keeps of one pass, weights apart."""
    weights = {p.untyped_storage().data_ptr() for p in model.module.parameters()}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    (one,) = passes_of(merge([answer(tokens)]), tokens, model.device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.hidden(one.packed)
    return bytes_of(kept.values())


@pytest.mark.parametrize("config", [SMALL, LORA], ids=["all weights", "adapter"])
def test_parameters_weights_gradients_and_optimizer_are_as_planned(config):
    plan, model = plan_of(config), load_model(config)
    assert plan.parameters == sum(p.numel() for p in model.module.parameters())
    assert plan.trainable == sum(p.numel() for p in model.module.parameters() if p.requires_grad)
    assert plan.weights == near(bytes_of(model.module.parameters()))
    learner = Learner(model, LearnerConfig())
    learner.step([answer(20)])
    moments = [value for state in learner.optimizer.state.values() for value in state.values()]
    assert plan.optimizer == near(bytes_of(moments))
    model.module(torch.tensor([answer(20).tokens])).logits.sum().backward()
    assert plan.gradients == near(bytes_of(p.grad for p in model.module.parameters() if p.grad is not None))
    fused = Engine(model.module, torch.float32)._fused
    assert plan.sampler == near(bytes_of(fused.weights.values()))


def test_the_state_of_adafactor_is_as_planned_and_goes_on_to_the_bit(tmp_path):
    config = replace(SMALL, optimizer="adafactor", steps=2)
    plan, model = plan_of(config), load_model(config)
    learner = Learner(model, LearnerConfig(optimizer="adafactor"))
    learner.step([answer(20)])
    kept = [value for state in learner.optimizer.state.values() for value in state.values()]
    assert plan.optimizer == near(bytes_of(kept))
    assert plan.optimizer < plan_of(SMALL).optimizer / 50
    for name, parts in (("whole", [2]), ("halves", [1, 2])):
        for done in parts:
            run = Run.resume(Spiral, tmp_path / name) if done > parts[0] else Run.start(Spiral, config, tmp_path / name)
            run.run(should_stop=lambda run=run, done=done: run.done >= done)
    weights = [
        (tmp_path / name / "checkpoints" / "best" / "model.safetensors").read_bytes() for name in ("whole", "halves")
    ]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("recomputed", [False, True])
@pytest.mark.parametrize("config", [SMALL, LORA], ids=["all weights", "adapter"])
def test_activations_of_the_longest_pack_are_as_planned(config, recomputed):
    config = replace(config, gradient_checkpointing=recomputed)
    plan, model = plan_of(config), load_model(config)
    assert plan.longest_pack == 1024
    shape = model.module.config
    logits, layers = 3 * 4 * 256 * shape.vocab_size, shape.num_hidden_layers
    whole = replace(config, gradient_checkpointing=False)
    one_layer = saved_bytes(load_model(whole), 1024) / layers if recomputed else 0
    assert plan.activations - logits == near(saved_bytes(model, 1024) + one_layer)


def test_keys_and_values_are_as_planned():
    config = replace(SMALL, decoding="free", max_new_tokens=100)
    model = load_model(config)
    rows = Engine(model.module, torch.float32).start([(1, 2, 3)], [0] * 64, 100)
    assert plan_of(config).cache == near(bytes_of([*rows._own_K, *rows._own_V]))
    assert plan_of(SMALL).cache == 0, "choices among legal actions are scored, and nothing is kept"


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, decoding="free", max_new_tokens=48), LORA])
def test_store_and_checkpoints_are_as_planned(config, tmp_path):
    plan, path = plan_of(config), tmp_path / "run"
    run = Run.start(Spiral, config, path)
    sizes = []
    for _ in range(4):
        with Store(path / "episodes", "a") as store:
            run.update(store)
            saving.save(run, store)
        sizes.append(sum(file.stat().st_size for file in (path / "episodes").rglob("*") if file.is_file()))
    assert plan.store_per_update == near((sizes[3] - sizes[0]) / 3)
    files = [file for file in (path / "checkpoints").rglob("*") if file.is_file() and "best/" not in str(file)]
    by_name = sum(file.stat().st_size for file in files)  # as where no two of them are equal, and share their room
    assert by_name == near(plan.checkpoints)


def test_a_plan_starts_nothing(tmp_path, capsys):
    words = ["train", "spiral", "--run", str(tmp_path / "run"), "--plan", "--lora-rank", "4", "--device", "cpu"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "parameters: 832,384, of which 18,688 are trained" in said
    assert "memory: about" in said
    assert not (tmp_path / "run").exists()
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trainable"] == 18_688


def test_a_plan_of_settings_that_cannot_work_is_refused(tmp_path, capsys):
    words = ["train", "spiral", "--run", str(tmp_path / "run"), "--plan", "--model", "nanno"]
    assert main(words) == 2
    assert "nano" in capsys.readouterr().err
