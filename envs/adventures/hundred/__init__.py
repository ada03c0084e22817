"""The hundred: frozen games of a hundred ideas, 75 to train on and 25 held out, each with its proofs.

`outlines/` holds what a person wrote, `train.jsonl` and `held_out.jsonl` what `writing.outline.build` made of it: one
game a line, with its idea and its manifest. `.ci/freeze_hundred` writes them anew. No theme is in both splits, and no
two games have the same map, things, actions and goal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sparring.envs.adventures.worlds.proofs import Manifest
    from sparring.envs.adventures.worlds.spec import Game

REGISTERS = False
Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "held_out")


@dataclass(frozen=True, slots=True)
class Frozen:
    """One of the hundred, as it was frozen."""

    idea: str
    """What it is about, in one line."""
    data: Mapping[str, Any]
    """The game."""
    proof: Mapping[str, Any]
    """Its manifest."""

    @property
    def game(self) -> Game:
        """The game. Needs pydantic."""
        from sparring.envs.adventures.worlds.spec import Game

        return Game.model_validate(self.data)

    @property
    def manifest(self) -> Manifest:
        """Its proofs. Needs pydantic."""
        from sparring.envs.adventures.worlds.proofs import Manifest

        return Manifest.model_validate(self.proof)


@cache
def games_of(split: Split) -> tuple[Frozen, ...]:
    """The frozen games of a split, in their order."""
    text = files(__name__).joinpath(f"{split}.jsonl").read_text("utf-8")
    rows = map(json.loads, text.splitlines())
    return tuple(Frozen(row["idea"], row["game"], row["proof"]) for row in rows)


def ideas_of(split: Split) -> tuple[str, ...]:
    """The ideas of a split, in the order of its games."""
    return tuple(one.idea for one in games_of(split))


@cache
def fingerprints() -> frozenset[str]:
    """Of the structures of all hundred: what a new game must differ from."""
    return frozenset(str(one.proof["fingerprint"]) for split in SPLITS for one in games_of(split))
