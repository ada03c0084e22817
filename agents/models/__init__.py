"""Language models as the rest of Sparring sees them: token ids in, token ids and log-probabilities out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sparring.types import Policy, Sampling

if TYPE_CHECKING:
    import numpy as np

Ids = Sequence[int]
REGISTERS = False


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model generated for one prompt."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    """[len(token_ids)], nats, after temperature and top-p; None where the model hides them."""
    stop_reason: str
    """eos, or length."""
    weights_version: str


class Refused(ValueError):
    """Some questions of a call cannot be answered, so none was. `reasons` says why, by the question's index."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__("; ".join(f"question {index}: {reason}" for index, reason in list(reasons.items())[:3]))


class LanguageModel(Protocol):
    """Three verbs. Implementations: `TransformersModel` (in process), `OpenAIModel` (behind a server, text only)."""

    name: str
    weights_version: str
    tokenizer_fingerprint: str
    """Of what turns text into token ids, the chat template included."""
    weights_fingerprint: str
    """Of the weights that were loaded; "" where it is not known, or training has changed them since."""

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
        """One completion a prompt; each depends on its own prompt, its own seed and the weights. Raises Refused."""
        ...

    def score(self, prompts: Sequence[Ids], continuations: Sequence[Sequence[Ids]]) -> list[list[np.ndarray]]:
        """Per prompt and continuation, the log-probability [len(continuation)] of each token, nats. Raises Refused."""
        ...

    def sync(self, weights: Mapping[str, Any], version: str) -> None:
        """Take new weights; whatever is asked from now on is answered with them."""
        ...


@runtime_checkable
class ServedModel(Protocol):
    """A language model on another machine: one question at a time, and nobody waits for anybody else's answer."""

    async def answer(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """As `LanguageModel.generate`, for one prompt."""
        ...


def policy_of(model: LanguageModel, trainable: bool) -> Policy:
    """The weights that would answer now."""
    return Policy(
        model.name,
        model.weights_version,
        trainable=trainable,
        tokenizer=model.tokenizer_fingerprint,
        weights=model.weights_fingerprint,
    )


def policy_that_wrote(completion: Completion, model: LanguageModel, trainable: bool) -> Policy:
    """The weights that a completion came from, which may have been replaced since."""
    now = policy_of(model, trainable)
    if completion.weights_version == now.weights_version:
        return now
    return replace(now, weights_version=completion.weights_version, weights="")


def check_sampling(sampling: Sampling, model: LanguageModel) -> Sampling:
    """The sampling, where this model can sample so. Raises ValueError. Temperature 0 is for servers only: its
    distribution has no log-probabilities to renormalise or to learn from.
    """
    served = isinstance(model, ServedModel)
    if not (0 < sampling.temperature < math.inf or (served and sampling.temperature == 0)):
        raise ValueError(f"temperature must be {'>=' if served else '>'} 0 and finite, got {sampling.temperature}")
    if not 0 < sampling.top_p <= 1:
        raise ValueError(f"top_p must be > 0 and <= 1, got {sampling.top_p}")
    if sampling.max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be >= 1, got {sampling.max_new_tokens}")
    return sampling
