"""The settings of SELF-GUIDE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparring.trainers.evolving.synthesis_settings import SynthesisConfig


@dataclass(frozen=True, slots=True)
class Config(SynthesisConfig):
    """Tuning on examples that the model wrote itself."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/guided --model smollm2",
        "--run runs/guided --model smollm2 --envs Answer:task=classification --games-per-update 256",
    )

    steps: int = 18
    """Updates. A round has 2 that play (inputs, outputs) and --fit-updates: 18 with 16, which is the paper's one."""
