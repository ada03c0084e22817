"""From a critic's score to a probability that can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Either a temperature (Guo et al. 2017, arXiv 1706.04599: log-odds / T) or the steps of an isotonic regression."""

    temperature: float = 1.0
    scores: tuple[float, ...] = ()
    """Log-odds, rising; between two of them probabilities are interpolated."""
    probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be > 0, got {self.temperature}")
        if len(self.scores) != len(self.probabilities):
            raise ValueError(
                f"there must be a probability a score, got {len(self.probabilities)} and {len(self.scores)}"
            )
        if np.any(np.diff(self.scores) < 0) or np.any(np.diff(self.probabilities) < 0):
            raise ValueError("scores and probabilities must rise")

    def probability(self, log_odds_N: Floats) -> Floats:
        """In [0, 1], rising with the log-odds. [N]"""
        if self.scores:
            return np.interp(log_odds_N, self.scores, self.probabilities)
        return np.asarray(1 / (1 + np.exp(-np.clip(log_odds_N / self.temperature, -500, 500))))
