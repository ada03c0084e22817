"""The settings of a comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

import tyro

from sparring.trainers.comparing.arms import ARMS, BASE, arm_of
from sparring.trainers.settings import require_ranges, require_types


@dataclass(frozen=True, slots=True)
class Settings:
    """The same model by several methods, each with the same number of generated tokens."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run comparisons/lake --env gym:FrozenLake-v1 --methods self-training,re-rest,agent-evol,grpo",
        "--run comparisons/sums --env reasoning-gym:chain_sum --model smollm2 --decoding free --budget 200000",
    )
    RANGES: ClassVar[Mapping[str, str]] = {
        "budget": ">= 1",
        "seeds": ">= 1",
        "held_out": ">= 2",
        "games_per_update": ">= 1",
        "attempts": ">= 2",
        "fit_updates": ">= 1",
        "fit_batch": ">= 1",
        "max_new_tokens": ">= 1",
        "lora_rank": ">= 0",
    }

    env: str = "sparring/Adventure-v0"
    """The environment, with one seat, e.g. Adventure:difficulty=1."""
    model: str = "nano"
    """The model that all start from: nano, smollm2, a model's folder, a run folder (after imitation, say), a hub id."""
    methods: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="METHOD,METHOD", help_behavior_hint="(default: all but the last two)")
    ] = tuple(ARMS)[:6]
    """By commas, of self-training, re-rest, agent-evol, self, grpo, sharpening, self-judge, or another method of
    `sparring train`, yours too; base, the model as it is, is always measured."""
    budget: float = 2e5
    """Tokens that the model may generate for a method, critiques and failures included, e.g. 2e6."""
    seeds: int = 3
    """So many times everything, each time with other tasks and other randomness."""
    held_out: int = 100
    """Tasks on which everybody is measured, of the held-out split where there is one, else of other seeds."""
    solved: float = 1.0
    """An attempt succeeds where its reward is at least this, unless the environment measures success itself (robots,
    adventures, searches)."""
    games_per_update: int = 64
    """Attempts of a round, or of an update of grpo."""
    attempts: int = 4
    """At each task, in a round or in a group of grpo."""
    fit_updates: int = 16
    """Optimizer steps after a round."""
    fit_batch: int = 32
    """Trajectories of such a step."""
    learning_rate: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: by the model's size)")
    ] = None
    """The step size of all methods."""
    agent: Literal["choose", "chat", "react"] = "choose"
    """choose: a question a turn; chat: a conversation an episode; react: with thoughts."""
    decoding: Literal["legal", "free"] = "legal"
    """legal: the model chooses among the legal actions; free: it writes."""
    max_new_tokens: int = 64
    """Longest answer with --decoding free, in tokens."""
    lora_rank: int = 0
    """Train a LoRA adapter of this rank; 0: all weights."""
    device: str = "auto"
    """Where to compute: auto (CUDA if present), cpu, cuda, ..."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the first setting that cannot work."""
        require_types(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        require_ranges(self, self.RANGES)
        for name in self.methods:
            arm_of(name)
        if not set(self.methods) - {BASE}:
            raise ValueError("methods must name one beside base: there is nothing to compare")
        if self.games_per_update % self.attempts:
            raise ValueError(
                f"games_per_update must be a multiple of attempts, {self.attempts}, got {self.games_per_update}"
            )
