"""The settings of KDRL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.methods import grpo_config


@dataclass(frozen=True, slots=True)
class Config(grpo_config.Config):
    """GRPO, and a teacher's word on the student's own samples."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/student --teacher runs/teacher",
        "--run runs/student --envs TicTacToe --opponents random --teacher runs/warm --mask wrong",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**grpo_config.Config.RANGES, "distil": ">= 0", "distil_final": ">= 0"}

    reference_estimator: Literal["k3", "k2"] = "k2"
    """Of the divergence from the teacher: k2, whose gradient is that of KL(student || teacher); k3's is another."""
    teacher: str = ""
    """The model that teaches, with the tokens of --model: a run folder, a model's folder, smollm2, or a hub id."""
    distil: float = 5e-3
    """Weight of KL(student || teacher) at the first update."""
    distil_final: float = 1e-3
    """The weight at the last update; in between it falls linearly."""
    mask: Literal["none", "wrong", "unsolved"] = "none"
    """Where the teacher is asked: none: everywhere; wrong: on attempts that failed; unsolved: in groups in which no
    attempt succeeded."""
    solved: float = 1.0
    """An attempt succeeds where its reward is at least this, unless the environment measures success itself (robots,
    adventures, searches)."""
