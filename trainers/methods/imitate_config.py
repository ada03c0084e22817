"""The settings of imitation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from sparring.trainers.config import RunConfig


@dataclass(frozen=True, slots=True)
class Config(RunConfig):
    """Cross-entropy on what somebody else did."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--from games --expert minimax --envs TicTacToe --decoding free --run runs/warm",
        "--from games --expert human --envs KuhnPoker --model smollm2 --lora-rank 16 --run runs/me",
    )

    PLAYS: ClassVar[bool] = False

    source: Annotated[str, tyro.conf.arg(name="from", metavar="STORE")] = ""
    """The store, or the run folder, whose episodes are imitated: `sparring play ... --store STORE` records them."""
    expert: str = ""
    """Whose actions are imitated, by name, e.g. minimax or human; left out: everybody's."""
    games_per_update: int = 64
    """Trajectories of the expert in each update, drawn anew; nothing is played."""
