"""Weights by name: `smollm2`, `nano`, a folder, a run folder, or an id on a model hub. fp32 weights, a thin tokenizer.

Nothing here imports torch before a model is asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sparring.agents.models.tokenizer import FastTokenizer, Tokenizer
from sparring.agents.models.weights import adapters, hub, nano, smollm2
from sparring.agents.models.weights.adapters import is_adapter
from sparring.agents.models.weights.trained import best_of, run_around
from sparring.registry import UnknownName, require, unknown
from sparring.store.run_files import is_run

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

NAMES = ("nano", "smollm2")
_ModelAndTokenizer: TypeAlias = "tuple[PreTrainedModel, PreTrainedTokenizerFast]"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    name: str
    model: PreTrainedModel
    """A causal language model: fp32, evaluation mode, on its device."""
    tokenizer: Tokenizer
    fingerprint: str
    """SHA-256 over the parameters' names, shapes and values."""
    seed: int = 0
    """Of nano's weights."""

    def save(self, folder: str | Path) -> None:
        """Write a folder that `read_model(folder)` reads: weights, config and tokenizer."""
        with without_progress_bars():
            self.model.save_pretrained(str(folder))
        self.tokenizer.save(Path(folder))

    def save_adapter(self, folder: str | Path) -> None:
        """Write the adapter that the model got, without the model; `read_model(folder)` adds it to the model again."""
        name = str(Path(self.name).resolve()) if Path(self.name).is_dir() else self.name
        base = adapters.Base(model=name, seed=self.seed, fingerprint=self.fingerprint)
        with without_progress_bars():
            adapters.save_adapter(self.model, base, Path(folder))


def read_model(name: str, device: str = "auto", seed: int = 0) -> Loaded:
    """The model of that name; of a run folder, its best checkpoint. An adapter is added to the model it belongs to.

    `seed` initialises nano; `device` auto is CUDA where present, else the CPU.

    Raises: UnknownName (no such short name), MissingExtra (the package to install), FileNotFoundError (a path or hub id
    that leads to no model; the message says why), ValueError (a device that is not here; an adapter of another model).
    """
    device, folder = pick_device(device), _folder_of(name)
    if folder is not None and is_adapter(folder):
        return _with_adapter(name, folder, device)
    with without_progress_bars():
        model, tokenizer = _read(name, folder, seed)
    model = model.float().eval().to(device)
    return Loaded(name, model, FastTokenizer(tokenizer, _eos_ids(model, tokenizer)), fingerprint(model), seed)


def read_outline(name: str) -> tuple[PreTrainedConfig, Tokenizer]:
    """Config and tokenizer of a model without its weights; of an adapter, its model's. Raises as `read_model`."""
    folder = _folder_of(name)
    if folder is not None and is_adapter(folder):
        return read_outline(adapters.base_of(folder)["model"])
    if name == "nano":
        return nano.config(), FastTokenizer(nano.tokenizer(), ())
    if folder is None and "/" not in name:
        raise UnknownName(unknown("model", name, NAMES))
    transformers, where = require("transformers", "train"), str(folder or name)
    only = folder is not None or not hub.answers()
    try:
        config = transformers.AutoConfig.from_pretrained(where, local_files_only=only)
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=only)
        return config, FastTokenizer(tokenizer, ())
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        offline = f" ({hub.UNREACHED})" if only and folder is None else ""
        raise FileNotFoundError(f"{where!r} gave no config and tokenizer{offline}: {reason}") from error


def _with_adapter(name: str, folder: Path, device: str) -> Loaded:
    """The model that an adapter belongs to, with the adapter in its weights. Raises ValueError for another model."""
    belongs = adapters.base_of(folder)
    base = read_model(belongs["model"], "cpu", belongs["seed"])
    if base.fingerprint != belongs["fingerprint"]:
        raise ValueError(
            f"{folder} is an adapter of another model: it was trained on {belongs['model']} with fingerprint "
            f"{belongs['fingerprint'][:12]}, and {belongs['model']} now has {base.fingerprint[:12]}"
        )
    adapters.merge_adapter(base.model, folder)
    made = adapters.merged_fingerprint(base.fingerprint, folder)
    return Loaded(name, base.model.eval().to(device), base.tokenizer, made)


def pick_device(device: str) -> str:
    """`auto` is CUDA where present, else the CPU; anything else is itself. Raises ValueError where it is not here."""
    torch = require("torch", "train")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda" if count else "cpu"
    cuda = re.fullmatch(r"cuda(?::([0-9]+))?", device)
    if cuda and int(cuda[1] or 0) >= count:
        raise ValueError(f"device {device!r} is not here: torch sees {count} CUDA devices")
    if not cuda and device != "cpu" and not (device == "mps" and torch.backends.mps.is_available()):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {device!r}")
    return device


def fingerprint(model: torch.nn.Module) -> str:
    """SHA-256, in hex, over the parameters' names, shapes and values."""
    byte = require("torch", "train").uint8
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(byte).numpy().data)
    return digest.hexdigest()


def _folder_of(name: str) -> Path | None:
    """Where a model lies on the disk; None: it is made in code, or comes from a hub."""
    if name == "smollm2":
        return smollm2.folder()
    return _in_folder(Path(name).expanduser()) if name != "nano" and _is_path(name) else None


def _read(name: str, folder: Path | None, seed: int) -> _ModelAndTokenizer:
    if name == "nano":
        return nano.build(seed)
    if folder is not None:
        return _from_pretrained(str(folder), "is a folder without a model", local_files_only=True)
    if "/" in name:
        offline = not hub.answers()
        why = "is no folder here, and the hub gave no model" + (f": {hub.UNREACHED}" if offline else "")
        return _from_pretrained(name, why, local_files_only=offline)
    raise UnknownName(f"{unknown('model', name, NAMES)} (or give a folder, or a hub id with a slash)")


def _is_path(name: str) -> bool:
    """Whether a name is no hub id: `owner/name`, where `owner` is no folder here."""
    return Path(name).is_dir() or bool(
        "/" in name and (not _HUB_ID.fullmatch(name) or Path(name.partition("/")[0]).is_dir())
    )


def _in_folder(folder: Path) -> Path:
    """The folder of a model or of an adapter; of a run, that of its best checkpoint. Raises FileNotFoundError."""
    if folder.is_file():
        raise FileNotFoundError(f"{str(folder)!r} is a file, not a model's folder")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no model's folder {str(folder)!r}")
    if is_run(folder):
        folder = best_of(folder)
    if not (folder / "config.json").is_file() and not is_adapter(folder):
        run = run_around(folder)
        whose = f"; it belongs to the run {run}, whose best weights are the model of that name" if run else ""
        raise FileNotFoundError(f"{str(folder)!r} is a folder without a model: it has no config.json{whose}")
    return folder


def _from_pretrained(name: str, otherwise: str, **options: bool) -> _ModelAndTokenizer:
    transformers, damaged = require("transformers", "train"), require("safetensors", "train").SafetensorError
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **options)
        model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype="float32", **options)
    except (OSError, ValueError, damaged) as error:
        reason = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(f"{name!r} {otherwise}: {reason}") from error
    return model, tokenizer


def _eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return tuple(sorted({int(token) for token in [*several, tokenizer.eos_token_id] if token is not None}))


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Loading with transformers says nothing."""
    logging = require("transformers", "train").utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
