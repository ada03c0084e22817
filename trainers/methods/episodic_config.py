"""The settings of methods that learn from whole episodes of any environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import tyro

from sparring.trainers.config import RunConfig


@dataclass(frozen=True, slots=True)
class EpisodicConfig(RunConfig):
    """RL on any environment."""

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--run runs/first",
        "--run runs/three --envs TicTacToe --opponents random,minimax",
        "--run runs/lake --envs gym:FrozenLake-v1 --agent chat --horizons 8,16,32",
        "--run runs/tools --envs ToolTasks --model smollm2 --lora-rank 16",
    )
    RANGES: ClassVar[Mapping[str, str]] = {
        **RunConfig.RANGES,
        "tasks": ">= 0",
        "staleness": ">= 0",
        "magnet": ">= 0",
        "magnet_final": ">= 0",
        "discount": "in [0, 1]",
        "horizon_every": ">= 1",
    }

    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **RunConfig.USED_WITH,
        "horizon_every": ("horizons", ()),
        "magnet": ("decoding", ("legal",)),
        "magnet_final": ("magnet", ()),
    }

    games_per_update: int = 64
    """Episodes played before each update, over all of --games."""
    tasks: int = 0
    """How many tasks there are, drawn again and again, those always or never solved rarely; 0: new ones for ever."""
    credit: Literal["episode", "turn"] = "episode"
    """episode: every turn is credited with the whole return; turn: with the rewards from it on."""
    discount: float = 1.0
    """With --credit turn, what the next turn's return counts, 0 to 1."""
    horizons: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT,INT", help_behavior_hint="(default: none)")] = ()
    """Most turns of an episode, growing in steps, e.g. 4,8,16 (ScalingInter-RL); none: the environment's own limit."""
    horizon_every: int = 100
    """Updates between two of the --horizons."""
    opponents: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="AGENT,AGENT", help_behavior_hint="(default: none)")
    ] = ()
    """Who takes the other seats, by turns, e.g. random,minimax; none: the model itself."""
    staleness: int = 0
    """Games are played with the weights of so many updates before: with --ray while those between are learnt."""
    magnet: float = 0.0
    """Pull towards uniform play at the first update, where actions are chosen among legal ones; 0: none."""
    magnet_final: float = 0.0
    """The pull at the last update; in between it falls geometrically (to 0: linearly)."""

    @property
    def attempts(self) -> int:
        """At each task."""
        return 1
