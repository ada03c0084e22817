"""The settings of REINFORCE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.methods.episodic_config import EpisodicConfig


@dataclass(frozen=True, slots=True)
class Config(EpisodicConfig):
    """REINFORCE on any environment."""

    RANGES: ClassVar[Mapping[str, str]] = {**EpisodicConfig.RANGES, "baseline_decay": "in [0, 1)"}

    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **EpisodicConfig.USED_WITH,
        "baseline_decay": ("baseline", ("moving", "linear")),
    }

    baseline: Literal["moving", "linear", "batch", "none"] = "moving"
    """What returns are held against: a moving average by environment and seat; linear, a line over the turn's number
    for each of these, learnt from past updates; the update's mean; or nothing."""
    baseline_decay: float = 0.95
    """How slowly the moving average moves, by return; how much an update of the past counts against the one after it in
    linear. 0 to below 1."""
