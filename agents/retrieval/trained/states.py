"""A language model read by a linear head: the hidden state after the case says whether it suffices.

The model's own verdict in words is worthless at this size (it always says no); its states are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sparring.agents.retrieval.critic import Case

if TYPE_CHECKING:
    from sparring.agents.models.trainable import LocalModel

Floats = NDArray[np.float64]
States = dict[tuple[int, ...], Floats]
"""Token ids -> [D]"""
MOST_REMEMBERED = 20_000
"""Of a model."""
_known: WeakKeyDictionary[LocalModel, tuple[str, States]] = WeakKeyDictionary()
MOST_TOKENS = 1_024
"""Of a case, as in SIM-RAG. Of a longer one the middle is left out: question, answer and latest passages stay."""


@dataclass(frozen=True, slots=True)
class Head:
    """Log-odds of a hidden state: weights · state + bias."""

    weights_D: Floats
    bias: float

    def log_odds(self, states_ND: Floats) -> Floats:
        """Of each state. [N]"""
        return np.asarray(states_ND @ self.weights_D + self.bias)


def states_of(model: LocalModel, cases: Sequence[Case]) -> Floats:
    """The model's final hidden state at the last token of each case. [N, D]

    Cases that begin alike are computed once up to where they differ; those that were asked before are remembered.
    """
    import torch

    from sparring.agents.models.engine.packing import nodes_for, pack

    sequences, known = [tuple(tokens_of(model, one)) for one in cases], _remembered(model)
    missing = [sequence for sequence in dict.fromkeys(sequences) if sequence not in known]
    with torch.no_grad(), model.autocast():
        for packed in pack(missing, nodes_for(model.device.type)):
            hidden_ND = model.hidden(packed)[[int(path[-1]) for path in packed.nodes]]
            found = hidden_ND.double().cpu().numpy()
            known |= {missing[index]: state for index, state in zip(packed.sequences, found, strict=True)}
    states_ND = np.array([known[sequence] for sequence in sequences])
    if len(known) > MOST_REMEMBERED:
        known.clear()
    return states_ND


def _remembered(model: LocalModel) -> States:
    """The states that are known of a model, as its weights are now."""
    version, known = _known.get(model, ("", {}))
    if version != model.weights_version:
        known = {}
        _known[model] = (model.weights_version, known)
    return known


def tokens_of(model: LocalModel, case: Case) -> list[int]:
    """The tokens of a case, its middle left out where it is too long."""
    token_ids, most = model.encode(case.text), min(MOST_TOKENS, model.context)
    if len(token_ids) <= most:
        return token_ids
    begin = most // 4
    return [*token_ids[:begin], *token_ids[len(token_ids) - (most - begin) :]]
