"""What another engine must do to sample and score for a `TransformersModel`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sparring.agents.models.engine.decode import Generated
from sparring.protocols import Ids
from sparring.types import Sampling

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Question = tuple[tuple[int, ...], tuple[int, ...]]
"""Prompt and continuation, as token ids."""
Scores: TypeAlias = "Callable[[list[Question]], list[np.ndarray]]"
"""Per question, the log-probability of each token of the continuation, nats."""


class Sampler(Protocol):
    """An engine with a copy of a model's weights. Each method may raise `EngineFailed`."""

    version: str
    """Of the weights that it holds; "": it holds none."""

    def generate(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Generated]:
        """As `decode.generate`; the prompts fit into the context."""
        ...

    def score(self, questions: list[Question]) -> list[np.ndarray]:
        """Per question, the log-probability of each token of the continuation, nats."""
        ...

    def sync(self, weights: Iterable[tuple[str, Tensor]], version: str, scores: Scores) -> None:
        """Take new weights by name, and check by `scores`, the model's own, that they have arrived."""
        ...

    def rest(self) -> None:
        """Give memory back while the model is trained, where that means anything; the weights may be dropped."""
        ...


class EngineFailed(RuntimeError):
    """The engine died, or does not hold the weights that it was given; it answers nothing any more."""
