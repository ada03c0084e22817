"""A model by name: `smollm2`, `nano`, a folder, or an id on a model hub. fp32 weights and a thin tokenizer.

Nothing here imports torch before a model is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.agents.models import nano, smollm2
from sparring.agents.models.tokenizer import FastTokenizer, Tokenizer
from sparring.registry import UnknownName, require, unknown

if TYPE_CHECKING:
    import torch

NAMES = ("nano", "smollm2")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    name: str
    model: torch.nn.Module
    """A `transformers` causal language model: fp32, evaluation mode, on its device."""
    tokenizer: Tokenizer
    fingerprint: str
    """SHA-256 over the parameters' names, shapes and values."""

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load(folder)` reads: weights, config and tokenizer."""
        model: Any = self.model
        with _without_progress_bars(require("transformers", "train")):
            model.save_pretrained(str(folder))
        self.tokenizer.save(Path(folder))


def load(name: str, device: str = "auto", seed: int = 0) -> Loaded:
    """The model of that name. `seed` initialises nano; `device` auto is CUDA where present, else the CPU.

    Raises: UnknownName (no such short name), MissingExtra (the package to install), FileNotFoundError (a path or hub id
    that leads to no model; the message says why).
    """
    require("torch", "train")
    transformers = require("transformers", "train")
    with _without_progress_bars(transformers):
        model, tokenizer = _read(name, seed)
    model = model.float().eval().to(pick_device(device))
    return Loaded(name, model, FastTokenizer(tokenizer, _eos_ids(model, tokenizer)), fingerprint(model))


def pick_device(device: str) -> str:
    """`auto` is CUDA where present, else the CPU; anything else is itself."""
    if device != "auto":
        return device
    return "cuda" if require("torch", "train").cuda.is_available() else "cpu"


def fingerprint(model: torch.nn.Module) -> str:
    """SHA-256, in hex, over the parameters' names, shapes and values."""
    byte = require("torch", "train").uint8
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(byte).numpy().data)
    return digest.hexdigest()


def _read(name: str, seed: int) -> tuple[Any, Any]:
    if name == "nano":
        return nano.build(seed)
    if name == "smollm2":
        return _from_pretrained(str(smollm2.folder()))
    if Path(name).is_dir() or "/" in name:
        return _from_pretrained(name)
    raise UnknownName(f"{unknown('model', name, NAMES)} (or give a folder, or a hub id with a slash)")


def _from_pretrained(name: str) -> tuple[Any, Any]:
    transformers = require("transformers", "train")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype="float32")
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        place = "is a folder without a model" if Path(name).is_dir() else "is no folder here, and the hub gave no model"
        raise FileNotFoundError(f"{name!r} {place}: {reason}") from error
    return model, tokenizer


def _eos_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return tuple(sorted({int(token) for token in [*several, tokenizer.eos_token_id] if token is not None}))


@contextmanager
def _without_progress_bars(transformers: Any) -> Iterator[None]:
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
