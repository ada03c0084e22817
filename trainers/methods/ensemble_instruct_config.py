"""The settings of Ensemble-Instruct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from sparring.trainers.evolving.synthesis_settings import SynthesisConfig


@dataclass(frozen=True, slots=True)
class Config(SynthesisConfig):
    """New instructions, and outputs on which several answers agree."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/ensemble --model smollm2",
        "--run runs/ensemble --model smollm2 --attempts 1 --answerers chat:runs/first,chat:runs/second",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**SynthesisConfig.RANGES, "consensus": "in [0, 1)"}

    steps: int = 19
    """Updates. A round has 3 that play (instructions, inputs, outputs) and --fit-updates: 19 with 16."""
    games_per_update: int = 66
    """Instructions that are written in a round, half of them with inputs; a multiple of --attempts."""
    attempts: int = 3
    """Outputs for each question, by the model and by each of --answerers."""
    answerers: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="AGENT,AGENT", help_behavior_hint="(default: the model alone)")
    ] = ()
    """Who answers beside the model, by name, e.g. chat:smollm2 or a run folder. They are not trained."""
    consensus: float = 0.3
    """An output is kept where its mean ROUGE-L with the other answers is above this."""
