"""The settings of methods that evolve in rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from sparring.trainers.config import RunConfig
from sparring.trainers.schedule import Shape


@dataclass(frozen=True, slots=True)
class EvolvingConfig(RunConfig):
    """Rounds of playing, of deriving, and of fitting."""

    RANGES: ClassVar[Mapping[str, str]] = {
        **RunConfig.RANGES,
        "attempts": ">= 1",
        "fit_updates": ">= 1",
        "fit_batch": ">= 1",
    }

    USED_WITH: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {
        **RunConfig.USED_WITH,
        "expert": ("source", ()),
    }

    OPTIONS: ClassVar[Mapping[str, str]] = {"source": "from"}

    steps: int = 68
    """Updates: each plays one part of a round, or takes one step of fitting. With one part that plays and --fit-updates
    16, a round has 17."""
    games: Annotated[
        tuple[str, ...],
        tyro.conf.arg(aliases=["--envs"], metavar="ENV,ENV", help_behavior_hint="(default: Adventure)"),
    ] = ("sparring/Adventure-v0",)
    """Environments to learn in, by commas, e.g. Adventure:difficulty=1; `sparring envs` lists them. They take turns."""
    games_per_update: int = 64
    """Attempts of a round: this many episodes over all of --envs."""
    attempts: int = 4
    """At each task."""
    fit_updates: int = 16
    """Optimizer steps on what a round selected, each on --fit-batch of it."""
    fit_batch: int = 32
    """Trajectories of one step; all are used once before one is used again."""
    solved: float = 1.0
    """An attempt succeeds where its reward is at least this, unless the environment measures success itself (robots,
    adventures, searches)."""
    source: Annotated[str, tyro.conf.arg(name="from", metavar="STORE")] = ""
    """A store, or run folder, of episodes of a good agent: the base set, which is learnt from in every round. Left out:
    there is none, and the model starts with its own attempts."""
    expert: str = ""
    """Whose actions are the base set, by name, e.g. walkthrough; left out: everybody's in that store."""
    restart: bool = True
    """Every fit starts from the weights of the run's start (AgentGym, SELF); --no-restart: from the latest."""
    schedule: Shape = "constant"
    """How the step size falls over the run: constant, since each fit starts anew; geometric, linear or cosine."""
