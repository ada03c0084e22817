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
        "baseline_decay": ("baseline", ("moving",)),
    }

    baseline: Literal["moving", "batch", "none"] = "moving"
    """What returns are held against: a moving average by environment and seat; the update's mean; or nothing."""
    baseline_decay: float = 0.95
    """How slowly the moving average moves, 0 to below 1."""
