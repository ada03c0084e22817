"""The settings of the STARLING protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

import tyro

from sparring.trainers.settings import require_ranges, require_types

TARGETS = ("held-out", "cooking", "twc")


@dataclass(frozen=True, slots=True)
class Settings:
    """Pre-train, then measure on other games: at once, and while the agent practises there."""

    RANGES: ClassVar[Mapping[str, str]] = {
        "seeds": ">= 1",
        "train_games": ">= 1",
        "held_out_games": ">= 2",
        "target_games": ">= 2",
        "max_turns": ">= 1",
        "target_turns": ">= 1",
        "imitation_updates": ">= 0",
        "imitation_batch": ">= 1",
        "imitation_rate": "> 0",
        "practice_updates": ">= 0",
        "curve_updates": ">= 1",
        "measure_every": ">= 1",
        "batch": ">= 2",
        "group_size": ">= 2",
        "rate": "> 0",
        "lora_rank": ">= 0",
    }

    model: str = "nano"
    """The model that is pre-trained: nano, smollm2, a model's folder, or a hub id."""
    seeds: int = 3
    """So many times everything, each time with other initial weights of nano and other randomness."""
    targets: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TARGET,TARGET")] = TARGETS
    """Where it is measured: held-out (adventures), cooking (TextWorld), twc (TextWorldExpress, common sense)."""
    games: Literal["hundred", "seeded"] = "hundred"
    """Which adventures: the frozen games of a hundred ideas, or games that seeds make, of one --difficulty."""
    train_games: int = 75
    """Adventures to pre-train on."""
    held_out_games: int = 25
    """Adventures of other themes and plans."""
    target_games: int = 20
    """Games of each of the other targets."""
    difficulty: int = 1
    """Of adventures that seeds make, 1 to 5."""
    max_turns: int = 24
    """Of an adventure; then it ends as it is."""
    target_turns: int = 12
    """Of a game of the other targets."""
    imitation_updates: int = 30
    """Pre-training, first part: updates of cross-entropy on the solver's plans of the training games."""
    imitation_batch: int = 16
    """Plans in each of them."""
    imitation_rate: float = 2e-3
    """Their step size."""
    practice_updates: int = 0
    """Pre-training, second part: updates of grpo in the training games."""
    curve_updates: int = 3
    """Updates of grpo in the games of a target, of which the learning curve is made."""
    measure_every: int = 3
    """Updates between two points of the curve."""
    batch: int = 12
    """Episodes in each update of grpo."""
    group_size: int = 4
    """Attempts at one game that are held against each other."""
    rate: float = 1e-3
    """Step size of grpo."""
    lora_rank: int = 0
    """Train adapters of this rank; 0: all weights."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda, cuda:1, ..."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the first setting that cannot work."""
        object.__setattr__(self, "targets", tuple(name for word in self.targets for name in word.split(",")))
        require_types(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        require_ranges(self, self.RANGES)
        if not 1 <= self.difficulty <= 5:
            raise ValueError(f"difficulty must be from 1 to 5, got {self.difficulty}")
        if self.games == "hundred":
            for name, most in (("train_games", 75), ("held_out_games", 25)):
                if getattr(self, name) > most:
                    raise ValueError(f"{name} of the hundred must be at most {most}, got {getattr(self, name)}")
        if self.batch % self.group_size:
            raise ValueError(f"batch must be a multiple of group_size, {self.group_size}, got {self.batch}")
        if not self.imitation_updates + self.practice_updates:
            raise ValueError("imitation_updates and practice_updates are both 0: there is no pre-training")
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or not self.targets or len(set(self.targets)) < len(self.targets):
            raise ValueError(f"targets must be some of {', '.join(TARGETS)}, each once, got {', '.join(self.targets)}")

    @property
    def points(self) -> list[int]:
        """The updates of grpo after which a curve is measured: before the first, now and then, after the last."""
        return sorted({*range(0, self.curve_updates, self.measure_every), self.curve_updates})
