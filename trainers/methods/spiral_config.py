"""The settings of SPIRAL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.trainers.config import RunConfig


@dataclass(frozen=True, slots=True)
class Config(RunConfig):
    """Self-play by SPIRAL."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/first",
        "--run runs/kuhn --model smollm2 --steps 60",
        "--run runs/poker --games KuhnPoker,LeducPoker",
        "--run runs/three --games TicTacToe --probe minimax",
    )
    RANGES: ClassVar[Mapping[str, str]] = {
        **RunConfig.RANGES,
        "staleness": ">= 0",
        "league_every": ">= 1",
        "league_size": ">= 1",
        "magnet": ">= 0",
        "magnet_final": ">= 0",
        "league_share": "in [0, 1]",
        "baseline_decay": "in [0, 1)",
    }

    estimator: Literal["state", "rae", "reinforce", "group"] = "state"
    """What results are held against: state, a moving average by what was seen at the turn; rae, one by game and seat
    (the paper's); group, the update's mean; reinforce, nothing."""
    baseline_decay: float = 0.95
    """How slowly the moving average by game and seat moves, 0 to below 1."""
    staleness: int = 0
    """Games are played with the weights of so many updates before: with --ray while those between are learnt."""
    magnet: float = 0.25
    """Pull towards uniform play at the first update: the weight of KL(policy || uniform) in the loss; 0: none."""
    magnet_final: float = 0.05
    """The pull at the last update; in between it falls geometrically (to 0: linearly)."""
    league_share: float = 0.2
    """Share of the games in which an earlier self of the model has one seat, 0 to 1."""
    league_every: int = 10
    """Updates after which the model's present self joins these earlier ones."""
    league_size: int = 4
    """How many earlier selves are kept: the newest, and others spread evenly over the past."""
