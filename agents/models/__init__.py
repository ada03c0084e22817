"""Language models as agents use them: `load` makes one from a spec, `sparring.protocols.LanguageModel` is its type.

Nothing here imports torch before a model is loaded.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sparring.agents.models.loading import load, load_shared, load_trainable
from sparring.kinds import require_kind
from sparring.protocols import Completion, LanguageModel
from sparring.types import Policy, Sampling

__all__ = ["check_sampling", "load", "load_shared", "load_trainable", "policy_of", "policy_that_wrote"]

REGISTERS = False


def policy_of(model: LanguageModel, trainable: bool) -> Policy:
    """The weights that would answer now."""
    return Policy(
        model.name,
        model.weights_version,
        adapter=getattr(model, "adapter", None),
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
    """The sampling, where this model can sample so. Raises ValueError.

    Temperature 0 is for models that show no log-probabilities: it leaves none to renormalise or to learn from.
    """
    for name in ("temperature", "top_p"):
        require_kind(name, getattr(sampling, name), (int, float), "a number")
    require_kind("max_new_tokens", sampling.max_new_tokens, int, "a whole number")
    lowest_is_zero = not model.shows_logprobs
    if not (0 < sampling.temperature < math.inf or (lowest_is_zero and sampling.temperature == 0)):
        rule = ">= 0" if lowest_is_zero else "> 0"
        raise ValueError(f"temperature must be {rule} and finite, got {sampling.temperature}")
    if not 0 < sampling.top_p <= 1:
        raise ValueError(f"top_p must be > 0 and <= 1, got {sampling.top_p}")
    if sampling.max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be >= 1, got {sampling.max_new_tokens}")
    if (require_law := getattr(model, "require_law", None)) is not None:  # of a server that shows its tokens
        require_law(sampling)
    return sampling
