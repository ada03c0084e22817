"""The settings of Self-Specialization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from sparring.trainers.evolving.synthesis_settings import SynthesisConfig


@dataclass(frozen=True, slots=True)
class Config(SynthesisConfig):
    """Tuning on what the model wrote about a domain."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/expert --model smollm2 --seeds seeds.jsonl --retriever runs/index",
        "--run runs/expert --model smollm2 --envs Answer:task=numbers",
    )
    RANGES: ClassVar[Mapping[str, str]] = {**SynthesisConfig.RANGES, "passages": ">= 1"}
    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **SynthesisConfig.USED_WITH,
        "passages": ("retriever", ()),
    }

    steps: int = 19
    """Updates. A round has 3 that play (instructions, inputs, outputs) and --fit-updates: 19 with 16."""
    retriever: Annotated[str, tyro.conf.arg(metavar="INDEX")] = ""
    """Where passages of the domain are: a folder of `sparring retrieval build`, or an address. Left out: none are."""
    passages: int = 3
    """That are shown to the one who answers."""
