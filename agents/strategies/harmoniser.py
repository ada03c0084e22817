"""Pareto-optimal self-supervision (arXiv 2306.16564): how likely an answer is wrong, learnt from weak rules alone.

    rules look at an answer ─► values in [0, 1] ─► harmoniser h ─► risk = 1 - h

A rule says how right an answer looks to it: 1 right, 0 wrong, or nothing. The harmoniser is fitted to agree with all
sources at once, the rules and the model (which stands by its answer), without one right answer being known. The paper's
objective over sources j with losses l_j is scalarised by the square of their sum, min over h of mean (sum_j l_j)²
(its quadratic scalarisation), and its risk score is 1 - h(x)[answer]. Where we deviate: the paper's h is a small
language model that reads the question and predicts its class; ours is a logistic function of the rules' values that
predicts whether the answer is right, so that it needs no classes, fits in milliseconds, and can be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sparring.agents.strategies.asking import Said
from sparring.agents.strategies.votes import is_usable, key_of
from sparring.files import write_whole
from sparring.types import Episode, Observation

Floats = NDArray[np.float64]
Values = Mapping[str, float | None]
"""What each rule says of one answer; None where it says nothing."""
Rule = Callable[[Observation, Said, Sequence[Said]], float | None]
"""(what was seen, the answer, all samples) -> how right it looks, in [0, 1]; None where the rule says nothing."""
EVEN = 4.0
"""The weight of all rules together before anything is fitted: h then goes from 0.12 to 0.88."""
DECAY = 1e-3
"""Of the weights, squared: keeps them finite where a rule always says the same."""


def legal(seen: Observation, said: Said, samples: Sequence[Said]) -> float | None:
    """Whether it is one of the legal actions; nothing where these are not finite."""
    return float(said.action in seen.legal_actions) if seen.legal_actions else None


def agreement(seen: Observation, said: Said, samples: Sequence[Said]) -> float | None:
    """Which share of the samples says the same; nothing where there is one sample."""
    key = key_of(said, seen.legal_actions)
    same = sum(key_of(one, seen.legal_actions) == key for one in samples)
    return same / len(samples) if len(samples) > 1 else None


def likelihood(seen: Observation, said: Said, samples: Sequence[Said]) -> float | None:
    """The geometric mean of its tokens' probabilities; nothing where the model hides them."""
    if said.logprob is None or not said.tokens or not math.isfinite(said.logprob):
        return None
    return math.exp(min(0.0, said.logprob / said.tokens))


def length(seen: Observation, said: Said, samples: Sequence[Said]) -> float | None:
    """Whether it says anything and came to an end before `max_new_tokens`."""
    return float(is_usable(said, None) and said.completion.stop_reason != "length")


RULES: Mapping[str, Rule] = {"legal": legal, "agreement": agreement, "likelihood": likelihood, "length": length}
"""Rules for any environment."""


@dataclass(frozen=True, slots=True)
class Harmoniser:
    """How likely an answer is right, from what the rules say: a logistic function."""

    weights: Mapping[str, float]
    """By rule; a rule without one is not listened to."""
    bias: float = 0.0

    @classmethod
    def even(cls, rules: Iterable[str]) -> Self:
        """One that was not fitted: every rule counts the same."""
        names = list(rules)
        return cls(dict.fromkeys(names, EVEN / max(1, len(names))))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """One that `save` wrote. Raises FileNotFoundError, ValueError for a file of another kind."""
        try:
            read = json.loads(Path(path).read_text("utf-8"))
            return cls({str(name): _finite(value) for name, value in read["weights"].items()}, _finite(read["bias"]))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError(f'{path} must hold {{"weights": numbers by rule, "bias": number}}: {error}') from error

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        write_whole(Path(path), json.dumps(asdict(self), indent=1).encode())

    def risk(self, values: Values) -> float:
        """How likely the answer is wrong, in [0, 1]."""
        said = {name: value for name, value in values.items() if value is not None}
        score = self.bias + sum(weight * (said[name] - 0.5) for name, weight in self.weights.items() if name in said)
        return 1 / (1 + math.exp(min(700.0, max(-700.0, score))))


def values_of(rules: Mapping[str, Rule], seen: Observation, said: Said, samples: Sequence[Said]) -> Values:
    """What the rules say of an answer. Raises ValueError for a value outside [0, 1]."""
    values = {name: rule(seen, said, samples) for name, rule in rules.items()}
    for name, value in values.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"rule {name!r} must give a number from 0 to 1, or None, got {value!r}")
    return values


def stored_values(episodes: Iterable[Episode]) -> Iterator[Values]:
    """What the rules said of every answer that `risk:MODEL` gave in stored episodes."""
    for episode in episodes:
        for _, turn in episode.turns:
            said = turn.notes.get("rules")
            if isinstance(said, Mapping):
                yield {name: value for name, value in said.items() if value is None or isinstance(value, int | float)}


def fit(attempts: Iterable[Values]) -> Harmoniser:
    """The harmoniser that agrees best with all sources at once. Convex, so the minimum is unique.

    Raises ValueError where there are no attempts.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    stored = list(attempts)
    names = sorted({name for values in stored for name in values})
    if not names:
        raise ValueError("a harmoniser must be fitted to at least one answer with rules, got none")
    said_NR = np.array([[math.nan if (v := one.get(name)) is None else v for name in names] for one in stored])
    found = minimize(objective, np.zeros(len(names) + 1), (said_NR,), jac=True, method="L-BFGS-B")
    bias, *weights = map(float, found.x)
    return Harmoniser(dict(zip(names, weights, strict=True)), bias)


def objective(parameters: Floats, said_NR: Floats) -> tuple[float, Floats]:
    """The scalarised losses and their gradient. `parameters` [1 + R], bias first; said_NR is NaN where a rule is mute.

    A source's loss is the cross-entropy of h with what the source says; the model's own says 1.
    """
    mute_NR = np.isnan(said_NR)
    inputs_NR = np.column_stack([np.ones(len(said_NR)), np.where(mute_NR, 0.0, said_NR - 0.5)])
    score_N = inputs_NR @ parameters
    sources_N = 1 + (~mute_NR).sum(1)
    right_N = 1 + np.where(mute_NR, 0.0, said_NR).sum(1)
    loss_N = sources_N * np.logaddexp(0, score_N) - right_N * score_N
    slope_N = sources_N / (1 + np.exp(-np.clip(score_N, -500, 500))) - right_N
    gradient = (2 * loss_N * slope_N) @ inputs_NR / len(said_NR) + 2 * DECAY * parameters
    return float(np.mean(loss_N**2) + DECAY * parameters @ parameters), gradient


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)
