"""What the learner needs of a model, beside what agents ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sparring.protocols import LanguageModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sparring.agents.models.adapter import Lora
    from sparring.agents.models.engine.logprobs import Head
    from sparring.agents.models.engine.packing import Pack


class TrainableModel(Protocol):
    """Weights that a learner changes in place, and what it computes with them."""

    name: str
    module: nn.Module
    """Its parameters are the fp32 master weights."""
    adapter: str | None
    """The name of the adapter that is trained; None where all weights are."""
    context: int
    """The most tokens that a sequence may have."""
    device: torch.device

    @property
    def head(self) -> Head:
        """What makes logits of hidden states."""
        ...

    def hidden(self, packed: Pack) -> Tensor:
        """Final hidden states [N, D] of a pack's nodes, inside `autocast()`. Raises ValueError beyond the context."""
        ...

    def autocast(self) -> AbstractContextManager[object]:
        """The precision of matrix products."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """The parameters by name; `sync` takes them back."""
        ...

    def sync(self, weights: Mapping[str, Tensor] | None, version: str) -> None:
        """Take new weights, None: the module's own were trained in place. Raises ValueError where they do not fit."""
        ...

    def add_adapter(self, lora: Lora) -> None:
        """Train an adapter from now on, and leave the weights as they are: `weights`, `sync` and `save` are then the
        adapter's. Raises ValueError where it does not fit, MissingExtra."""
        ...

    def recompute_layers(self) -> None:
        """Train in less memory, and in more time. Raises ValueError where the model cannot."""
        ...

    def reference(self) -> TrainableModel | None:
        """The model as it was before its adapter; None where it has none."""
        ...

    def save(self, folder: Path) -> None:
        """Write a folder that `models.load` reads."""
        ...


class LocalModel(LanguageModel, TrainableModel, Protocol):
    """A model in this process: it answers agents with the weights that are trained."""
