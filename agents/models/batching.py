"""The base of models that compute in this process: thousands of waiting episodes meet in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from sparring.agents.models.rounds import ask
from sparring.protocols import Completion, Ids
from sparring.types import Sampling

if TYPE_CHECKING:
    import numpy as np


class Batched:
    """Answers single requests out of batches. Whoever derives from it computes the batches, in a worker thread."""

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Itself: whoever copies a player or an environment wants no second model."""
        return self

    def generate_batch(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """One completion a prompt; each depends on its own prompt, its own seed and the weights. Raises Refused."""
        raise NotImplementedError

    def score_batch(self, prompts: Sequence[Ids], continuations: Sequence[Sequence[Ids]]) -> list[list[np.ndarray]]:
        """Per prompt and continuation, the log-probability [len(continuation)] of each token, nats. Raises Refused."""
        raise NotImplementedError

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """As `LanguageModel.generate`."""

        def compute(asked: list[tuple[Ids, int]]) -> list[Completion]:
            return self.generate_batch([prompt for prompt, _ in asked], sampling, [seed for _, seed in asked])

        return await ask((self, sampling), compute, (prompt, seed))

    async def score(self, prompt: Ids, continuations: Sequence[Ids]) -> list[np.ndarray]:
        """As `LanguageModel.score`."""

        def compute(asked: list[tuple[Ids, Sequence[Ids]]]) -> list[list[np.ndarray]]:
            return self.score_batch([prompt for prompt, _ in asked], [continuations for _, continuations in asked])

        return await ask((self, "scores"), compute, (prompt, continuations))
