"""Tests of the real vLLM: `make test-vllm` runs them in an environment of their own. Elsewhere none is collected."""

import importlib.util

import pytest
import torch

from sparring.agents import models
from sparring.agents.models.vllm.opening import open_engine

collect_ignore_glob = [] if importlib.util.find_spec("vllm") else ["test_*.py"]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def ours():
    """SmolLM2 as Sparring itself computes it, fp32."""
    return models.load_trainable("smollm2", device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def by_vllm():
    """The same model, for which vLLM samples and scores."""
    model = models.load_trainable("smollm2", device="cpu", precision="fp32")
    model.sample_with(open_engine(model))
    return model
