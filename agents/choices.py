"""Legal actions as tokens, and a model's distribution over them: renormalised, token by token, over what still spells
a legal action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparring.protocols import LanguageModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLOSING = "]"


@dataclass(frozen=True, slots=True)
class Option:
    """A legal action as tokens, with what each token was chosen among."""

    action: str
    token_ids: tuple[int, ...]
    allowed: tuple[tuple[int, ...], ...]


def options_of(model: LanguageModel, actions: tuple[str, ...]) -> tuple[Option, ...]:
    """The actions as tokens; where one is the beginning of another, a closing bracket tells them apart.

    Raises ValueError where two have the same tokens.
    """
    spelled = [tuple(model.encode(action)) for action in actions]
    if any(a != b and b[: len(a)] == a for a in spelled for b in spelled):
        spelled = [tuple(model.encode(action + CLOSING)) for action in actions]
    if len(set(spelled)) < len(spelled):
        raise ValueError(f"two legal actions have the same tokens: {actions}")
    return tuple(
        Option(action, ids, tuple(_next_tokens(ids[:depth], spelled) for depth in range(len(ids))))
        for action, ids in zip(actions, spelled, strict=True)
    )


def renormalised(
    options: Sequence[Option], scores: Sequence[NDArray[np.float64]], temperature: float
) -> list[tuple[float, ...]]:
    """Per option, the log-probability of each token among those that spell a legal action, from the model's own."""
    at: dict[tuple[int, ...], float] = {}
    for option, logprobs in zip(options, scores, strict=True):
        for depth, logprob in enumerate(logprobs):
            at[option.token_ids[: depth + 1]] = float(logprob) / temperature
    return [tuple(_among(option, depth, at) for depth in range(len(option.token_ids))) for option in options]


def _next_tokens(prefix: tuple[int, ...], spelled: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The tokens that can follow a prefix of some legal action, in ascending order."""
    depth = len(prefix)
    return tuple(sorted({ids[depth] for ids in spelled if len(ids) > depth and ids[:depth] == prefix}))


def _among(option: Option, depth: int, at: dict[tuple[int, ...], float]) -> float:
    prefix = option.token_ids[:depth]
    among = [at[(*prefix, token)] for token in option.allowed[depth]]
    return at[option.token_ids[: depth + 1]] - float(np.logaddexp.reduce(among))


async def choose(
    model: LanguageModel, tokens: Sequence[int], options: Sequence[Option], temperature: float, uniform: float
) -> tuple[Option, tuple[float, ...]]:
    """One of the options after these tokens, by the model's distribution over them; the log-probability of each token
    among those that it was chosen among. `uniform` [0, 1) is the randomness.
    """
    scores = await model.score(tokens, [list(option.token_ids) for option in options])
    logprobs = renormalised(options, scores, temperature)
    cumulative = np.cumsum(np.exp([np.sum(one) for one in logprobs]))
    picked = min(int(np.searchsorted(cumulative / cumulative[-1], uniform)), len(options) - 1)
    return options[picked], logprobs[picked]
