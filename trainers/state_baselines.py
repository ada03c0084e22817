"""What to expect of a decision: a moving average of what followed it, for every state that comes again and again.

In games of few states (poker: hundreds) most of the spread of the returns comes from the deal. Held against the mean of
the same state, a return says what the action did. Any function of the state is a baseline that leaves the gradient's
expectation alone (Williams 1992, section 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np

from sparring.trainers.state import State


class StateBaselines:
    """A weighted mean of past returns by state; states that are rare lean on a more general expectation.

        b(s) = (sum_s + trust * b_role) / (count_s + trust)        A = R - b(s)

    Sums and counts of before an update only, so that b does not know the actions that it is held against. Both decay
    by `decay` an update, and states fade away with them: the memory stays flat.
    """

    FADED = 0.05
    """A state with less weight than this is forgotten."""

    def __init__(self, decay: float = 0.9, trust: float = 4.0) -> None:
        self.decay, self.trust = decay, trust
        self.sums: dict[str, list[float]] = {}
        """Key of a state -> [sum of returns, count], both decayed."""

    def advantages(self, returns_B: np.ndarray, states: Sequence[Hashable], expected_B: np.ndarray) -> np.ndarray:
        """Advantages [B] of decisions, one state each; `expected_B` is what is expected of a state never seen."""
        keys = [state_key(state) for state in states]
        baselines_B = [self._baseline(key, general) for key, general in zip(keys, expected_B, strict=True)]
        self._fade()
        for key, value in zip(keys, returns_B, strict=True):
            total = self.sums.setdefault(key, [0.0, 0.0])
            total[0] += float(value)  # a checkpoint holds plain numbers
            total[1] += 1.0
        return np.asarray(returns_B - np.array(baselines_B))

    def _baseline(self, key: str, general: float) -> float:
        total, count = self.sums.get(key, (0.0, 0.0))
        return (total + self.trust * general) / (count + self.trust)

    def _fade(self) -> None:
        faded = {key: [total * self.decay, count * self.decay] for key, (total, count) in self.sums.items()}
        self.sums = {key: pair for key, pair in faded.items() if pair[1] >= self.FADED}

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {"sums": {key: list(pair) for key, pair in sorted(self.sums.items())}}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.sums = {key: list(pair) for key, pair in state["sums"].items()}


def state_key(state: Hashable) -> str:
    """Sixteen hexadecimal digits that stand for a state."""
    return hashlib.blake2b(repr(state).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
