"""The settings of Re-ReST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """Self-training on own successes and on repaired failures."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/reflected --envs Adventure",
        "--run runs/reflected --envs reasoning-gym:leg_counting --model smollm2 --agent chat --decoding free",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**EvolvingConfig.RANGES, "reflections": ">= 1"}

    steps: int = 140
    """Updates. A round has 3 that play (explore, reflect, correct) and twice --fit-updates: 35 with 16."""
    reflections: int = 1
    """Corrections of each failed attempt."""
