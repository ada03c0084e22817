"""The settings of SELF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """Self-evolution by language feedback."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/self --envs Adventure",
        "--run runs/self --envs reasoning-gym:chain_sum --model smollm2 --agent chat --decoding free --words",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**EvolvingConfig.RANGES, "plain_weight": ">= 0"}

    steps: int = 78
    """Updates. The first round has 2 that play and --fit-updates; each further one 4 (explore, critique, refine, judge)
    and --fit-updates: 18 and 20 with 16."""
    attempts: int = 1
    """At each task."""
    teacher: str = "walkthrough"
    """Who shows, in the first round, how a failed attempt is refined: walkthrough, where the environment knows a
    solution, or any other agent. Critiques are shown by the environment's own score."""
    plain_weight: float = 1.0
    """Of the teacher's answers as answers to the plain task, beside 1 as refinements (the paper's beta)."""
    words: bool = False
    """Critiques in words that end in a verdict; needs --decoding free. Left out: the verdict alone."""
