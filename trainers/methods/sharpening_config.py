"""The settings of sharpening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """Learning what the model itself finds likeliest."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/sharp --envs reasoning-gym:chain_sum --model smollm2 --agent chat --decoding free",
        "--run runs/sharp --envs Adventure --form rlhf --beta 0.5",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**EvolvingConfig.RANGES, "beta": "> 0"}
    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **EvolvingConfig.USED_WITH,
        "beta": ("form", ("rlhf",)),
    }

    attempts: int = 8
    """At each task: the paper's N."""
    form: Literal["sft", "rlhf"] = "sft"
    """sft: learn the likeliest of the attempts at each task; rlhf: the optimum of E[log base] - beta KL(policy, base),
    by regression on pairs of attempts."""
    beta: float = 1.0
    """Of the RLHF form, whose optimum is the base to the power of 1 + 1 / beta."""
