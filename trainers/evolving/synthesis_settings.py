"""The settings of methods that write their own training examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from sparring.trainers.evolving.seeds import ANSWER_ENV
from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class SynthesisConfig(EvolvingConfig):
    """Inputs and outputs by the model itself."""

    RANGES: ClassVar[Mapping[str, str]] = {
        **EvolvingConfig.RANGES,
        "answer_temperature": "> 0",
    }

    games: Annotated[
        tuple[str, ...],
        tyro.conf.arg(aliases=["--envs"], metavar="GAME,GAME", help_behavior_hint="(default: Answer)"),
    ] = (ANSWER_ENV,)
    """Where the model is measured, and the instructions that it writes examples for: Answer, with options that choose
    among the bundled instructions, e.g. Answer:task=numbers."""
    seeds: Annotated[str, tyro.conf.arg(metavar="FILE")] = ""
    """Instructions of your own, in place of the bundled ones: a JSON object a line, {"instruction": "...", "examples":
    [{"input": "...", "output": "..."}]}."""
    agent: Literal["choose", "chat", "react"] = "chat"
    """chat: the answer is what is written; choose: it stands in brackets; react: with thoughts."""
    decoding: Literal["legal", "free"] = "free"
    """The model writes: free."""
    max_new_tokens: int = 32
    """Longest text that is written, in tokens."""
    attempts: int = 1
    """Outputs for each input."""
    temperature: float = 0.7
    """Sampling temperature of inputs and instructions, which shall differ from each other."""
    answer_temperature: float = 0.3
    """Sampling temperature of outputs."""
