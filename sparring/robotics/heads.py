"""A trained verifier's file: one calibrated logistic head on the sensor's readings for each verb. Plain JSON.

probability = sigmoid((w2 · tanh(W1 x + b1) + b2) / temperature),   x = (readings - mean) / scale
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sparring.files import write_whole
from sparring.robotics.readings import READINGS, Readings
from sparring.robotics.words import VERBS

FORMAT = "sparring robot verifier 1"


@dataclass(frozen=True, slots=True)
class Head:
    """One verb's head: [12] readings, [h] hidden units."""

    mean: list[float]
    scale: list[float]
    hidden: list[list[float]]
    """[h, 12]"""
    hidden_bias: list[float]
    out: list[float]
    """[h]"""
    bias: float
    temperature: float
    threshold: float
    """The probability from which it says yes."""

    def probability(self, readings: Readings) -> float:
        """That the subgoal is reached."""
        x = (readings - np.array(self.mean)) / np.array(self.scale)
        hidden = np.tanh(np.array(self.hidden) @ x + np.array(self.hidden_bias))
        return float(1 / (1 + np.exp(-np.clip((np.array(self.out) @ hidden + self.bias) / self.temperature, -50, 50))))


@dataclass(frozen=True, slots=True)
class Heads:
    """All verbs' heads, and the window that was chosen with them."""

    heads: Mapping[str, Head]
    window: int
    agree: int
    trained_with: Mapping[str, object]

    def says(self, verb: str, readings: Readings) -> bool:
        """Whether a subgoal of this verb is reached."""
        head = self.heads[verb]
        return head.probability(readings) >= head.threshold

    def write(self, path: str | Path) -> None:
        """As JSON."""
        write_whole(Path(path), _written(self))


def _written(heads: Heads) -> bytes:
    return json.dumps({"format": FORMAT, "readings": READINGS, **asdict(heads)}, indent=1).encode()


def read_heads(path: str | Path) -> Heads:
    """Read what `Heads.write` wrote. Raises ValueError, naming what is wrong, for anything else."""
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no verifier: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT or said.get("readings") != list(READINGS):
        raise ValueError(f"{path} is no verifier of the format {FORMAT!r} on {len(READINGS)} readings")
    try:
        heads: dict[str, Head] = {verb: Head(**said["heads"][verb]) for verb in VERBS}
        for head in heads.values():
            head.probability(np.zeros(len(READINGS)))
        return Heads(heads, int(said["window"]), int(said["agree"]), dict(said["trained_with"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is a damaged verifier: {error!r}") from error
