"""LoRA (arXiv 2106.09685), by `peft`: small matrices beside a model's own, which alone are trained.

A layer computes W x + s B A x, s = alpha / rank. B starts at zero, so a new adapter changes nothing. W never changes,
so the model as it was is there all the time: it is the same module with the adapter switched off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparring.agents.models.weights.adapters import quiet
from sparring.registry import require

if TYPE_CHECKING:
    from peft.tuners.lora import LoraLayer
    from transformers import PreTrainedModel

NAME = "default"
"""What `peft` calls the one adapter that a module has."""
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter to be made."""

    rank: int
    alpha: int
    """The product of the two matrices is scaled by alpha / rank."""
    targets: tuple[str, ...] = (ALL_LINEAR,)
    """The layers that get one, by the ends of their names; all-linear: every linear layer but the head."""
    seed: int = 0
    """Of A's values."""

    @property
    def name(self) -> str:
        """As it is recorded in every call."""
        return f"lora-r{self.rank}-a{self.alpha}"


def add_adapter(module: PreTrainedModel, lora: Lora) -> None:
    """Put an adapter into a module and freeze everything else. Raises ValueError for targets that it has not."""
    peft = require("peft", "train")
    targets = ALL_LINEAR if lora.targets == (ALL_LINEAR,) else list(lora.targets)
    config = peft.LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, lora_dropout=0.0, bias="none")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(lora.seed)
        try:
            with quiet():
                module.add_adapter(config, NAME)
        except ValueError as error:
            raise ValueError(f"lora_targets must name layers of the model, got {', '.join(lora.targets)}") from error
    ends = (module.get_input_embeddings(), module.get_output_embeddings())
    if any(hasattr(layer, "base_layer") for layer in ends):
        raise ValueError(f"lora_targets must leave out embedding and head, got {', '.join(lora.targets)}")


def adapter_weights(module: PreTrainedModel) -> dict[str, Tensor]:
    """The adapter's parameters by name."""
    return {name: value for name, value in module.state_dict().items() if ".lora_" in name}


@contextmanager
def switched_off(module: PreTrainedModel) -> Iterator[None]:
    """The module without its adapter, while this lasts. Not between a forward pass and its backward pass."""
    module.disable_adapters()
    try:
        yield
    finally:
        module.enable_adapters()


def merged_weights(module: PreTrainedModel) -> Mapping[str, Tensor]:
    """The state dict of a module that has no adapter and computes the same: W + s B A."""
    return _Merged(module) if _adapted(module) else module.state_dict()


def take_out(module: PreTrainedModel) -> None:
    """Leave the layers of a module as they were before it got an adapter."""
    for name, layer in _adapted(module).items():
        module.set_submodule(name, layer.get_base_layer())


class _Merged(Mapping[str, Tensor]):
    """Sums that are made when they are asked for, one at a time: no second copy of the weights."""

    def __init__(self, module: PreTrainedModel) -> None:
        self._layers = {f"{name}.weight": layer for name, layer in _adapted(module).items()}
        states = module.state_dict().items()
        self._own = {name.replace(".base_layer.", "."): value for name, value in states if ".lora_" not in name}

    @torch.no_grad()
    def __getitem__(self, name: str) -> Tensor:
        own: Tensor = self._own[name]
        if name in self._layers:
            own = own + self._layers[name].get_delta_weight(NAME)
        return own

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def _adapted(module: PreTrainedModel) -> dict[str, LoraLayer]:
    """The layers that have an adapter, by name."""
    return {name: layer for name, layer in module.named_modules() if hasattr(layer, "get_delta_weight")}
