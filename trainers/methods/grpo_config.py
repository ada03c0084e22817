"""The settings of GRPO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.methods.episodic_config import EpisodicConfig


@dataclass(frozen=True, slots=True)
class Config(EpisodicConfig):
    """Group-relative RL on any environment."""

    RANGES: ClassVar[Mapping[str, str]] = {**EpisodicConfig.RANGES, "group_size": ">= 2"}

    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **EpisodicConfig.USED_WITH,
        "normalise": ("estimator", ("group",)),
    }

    group_size: int = 8
    """Attempts at each task, which are held against each other."""
    estimator: Literal["group", "leave-one-out", "batch"] = "group"
    """Held against: the group's mean and spread; the other attempts' mean; the group's mean and the batch's spread."""
    normalise: bool = True
    """Whether --estimator group divides by the group's spread (GRPO) or not (Dr. GRPO)."""

    @property
    def attempts(self) -> int:
        """At each task."""
        return self.group_size
