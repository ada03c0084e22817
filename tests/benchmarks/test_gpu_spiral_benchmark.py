"""The benchmark of SPIRAL on a GPU, as far as a CPU goes."""

import argparse

import pytest

from sparring.agents.models.adapter import Lora
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model


@pytest.fixture(scope="module")
def gpu_spiral(script):
    return script("gpu_spiral")


def test_flops_are_six_a_trained_parameter_and_four_a_frozen_one(gpu_spiral):
    model = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32")
    config = model.module.config
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    keys = width * config.num_key_value_heads // config.num_attention_heads
    matrices = layers * (2 * width * width + 2 * width * keys + 3 * width * inner)
    assert gpu_spiral.flops_per_token(model.module) == 6 * matrices
    model.add_adapter(Lora(4, 8))
    rows = 4 * (2 * 2 * width + 2 * (width + keys) + 3 * (width + inner))
    assert gpu_spiral.flops_per_token(model.module) == 4 * matrices + 6 * layers * rows


def test_utilisation_is_what_is_needed_over_what_is_there(gpu_spiral):
    assert gpu_spiral.mfu(1e6, 2.0, 6_000_000_000, gpu_spiral.peak_of("NVIDIA H100 80GB HBM3")) == pytest.approx(
        1e6 * 6e9 / 2.0 / 989.4e12
    )
    assert gpu_spiral.peak_of("NVIDIA H100 PCIe") == 756e12
    assert gpu_spiral.mfu(1.0, 1.0, 1, gpu_spiral.peak_of("CPU")) is None


@pytest.mark.slow
def test_an_update_is_measured(gpu_spiral, tmp_path):
    options = argparse.Namespace(
        model="nano", engine="transformers", lora_rank=4, games_per_update=3, steps=1, decoding="legal",
        gradient_checkpointing=False, device="cpu", folder=tmp_path / "run",
    )  # fmt: skip
    found = gpu_spiral.measure(options)
    medians = found["medians"]
    assert 0 < medians["learning_seconds"] < medians["update_seconds"]
    assert medians["turns_per_second"] > 0
    assert medians["mfu_learning"] is None
    assert len(found["updates"]) == 1
