"""The settings of Self-Judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """Preferences by the policy's own judgement."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/judged --envs Adventure",
        "--run runs/judged --envs reasoning-gym:chain_sum --model smollm2 --decoding legal",
    )

    steps: int = 72
    """Updates. Each round plays twice (explore, judge) and takes --fit-updates; the first shows how to judge instead:
    18 with 16."""
    attempts: int = 2
    """At each task; neighbours are held against each other."""
    pair_beta: float = 0.1
    """DPO's beta: how far from the model of the start a preference may lead; smaller is farther."""
    restart: bool = False
    """Every fit goes on from the latest weights, and stays near the start by DPO; --restart: from the start."""
