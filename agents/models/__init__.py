"""Language models as the rest of Sparring sees them: token ids in, token ids and log-probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sparring.types import Sampling

Ids = Sequence[int]
REGISTERS = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model generated for one prompt."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """[len(token_ids)], nats, under the sampling law (after temperature and top-p); None where the model hides them."""
    stop_reason: str
    """eos, or length."""
    weights_version: str


class LanguageModel(Protocol):
    """Three verbs. Implementations: `TransformersModel` (in process), `OpenAIModel` (behind a server, text only)."""

    name: str
    weights_version: str

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, no special tokens added."""
        ...

    def decode(self, token_ids: Ids) -> str:
        """The text of token ids, special tokens left out."""
        ...

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a conversation (`role`, `content`), up to where the assistant's answer begins."""
        ...

    def generate(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Completion]:
        """One completion a prompt; each depends on its own prompt, its own seed and the weights."""
        ...

    def score(self, prompts: Sequence[Ids], continuations: Sequence[Sequence[Ids]]) -> list[list[np.ndarray]]:
        """Per prompt and continuation, the log-probability [len(continuation)] of each of its tokens, nats."""
        ...

    def sync(self, weights: Mapping[str, Any], version: str) -> None:
        """Take new weights; whatever is asked from now on is answered with them."""
        ...
