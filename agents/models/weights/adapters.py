"""Saved adapters: a folder with the small matrices of one (`peft` reads it too), and the name of their model.

Nothing here imports torch before an adapter is read.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sparring.registry import require

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BASE, SETTINGS, WEIGHTS = "base.json", "adapter_config.json", "adapter_model.safetensors"
"""Files of a saved adapter: which model it belongs to, then those of `peft`."""


class Base(TypedDict):
    """The model that an adapter belongs to."""

    model: str
    seed: int
    """Of nano's weights."""
    fingerprint: str


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no model."""
    return (folder / SETTINGS).is_file() and not (folder / "config.json").is_file()


def save_adapter(module: PreTrainedModel, base: Base, folder: Path) -> None:
    """Write an adapter as `peft` reads it, and which model it belongs to."""
    module.save_pretrained(str(folder))
    (folder / "generation_config.json").unlink(missing_ok=True)  # the model's
    (folder / BASE).write_text(json.dumps(base, indent=1) + "\n")


def base_of(folder: Path) -> Base:
    """The model that a saved adapter belongs to. Raises ValueError where the folder does not say it."""
    try:
        found = json.loads((folder / BASE).read_text())
        return Base(model=str(found["model"]), seed=int(found["seed"]), fingerprint=str(found["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} holds an adapter, and {BASE} in it must name its model, seed and fingerprint ({error!r})"
        ) from error


def merge_adapter(module: PreTrainedModel, folder: Path) -> None:
    """Add a saved adapter to the weights of the model that it belongs to."""
    peft = require("peft", "train")
    with quiet():
        peft.PeftModel.from_pretrained(module, str(folder)).merge_and_unload()


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' warning of a call that `peft` makes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def merged_fingerprint(base: str, folder: Path) -> str:
    """Of a model with a saved adapter in it: by what it is made of, because sums are rounded otherwise elsewhere."""
    return hashlib.sha256(base.encode() + (folder / WEIGHTS).read_bytes()).hexdigest()
