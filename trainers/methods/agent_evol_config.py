"""The settings of AgentEvol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.evolving.settings import EvolvingConfig


@dataclass(frozen=True, slots=True)
class Config(EvolvingConfig):
    """Behavioural cloning, then rounds of exploring and of learning from what was rewarded."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/evolved --envs Adventure",
        "--run runs/evolved --envs Adventure --from walks --expert walkthrough",
    )

    weighting: Literal["reward", "filter"] = "reward"
    """reward: an attempt weighs its reward, and less than nothing weighs nothing (the paper); filter: those that
    succeeded (--solved) weigh 1, the others nothing (the released code)."""
    accumulate: bool = False
    """Also learn from the attempts of earlier rounds, as the released code does; else from those of the round."""
