"""Past checkpoints as opponents (fictitious self-play): who plays whom in an update, and from which seat.

Some matches of an update are self-play, in which the current policy takes every seat and every seat is trained. The
others put one frozen checkpoint into one seat; the seat rotates from match to match, and frozen seats never train
(their trajectories are marked not trainable, and the learner refuses such).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from sparring.trainers.run_folder import save_weights
from sparring.types import derive_seed


class League:
    """Snapshots on disk, oldest first; at most `size` are kept, the newest and an even spread of the past."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.members: list[str] = []

    def add(self, name: str, weights: Mapping[str, Any]) -> None:
        """Take in a snapshot. The files of those that have to leave stay until `prune`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_weights(self._file(name), weights)
        self.members.append(name)
        while len(self.members) > self.size:
            self.members.pop(self._most_crowded())

    def weights(self, name: str) -> dict[str, Any]:
        """The weights of a member."""
        return dict(load_file(self._file(name)))

    def prune(self) -> None:
        """Delete the files of those who left. Only after a checkpoint: an earlier one may still have needed them."""
        kept = {self._file(name) for name in self.members}
        for file in self.folder.glob("*.safetensors"):
            if file not in kept:
                file.unlink()

    def _most_crowded(self) -> int:
        """The member whose neighbours in time are closest: dropping it keeps the spread; never the newest."""
        ages = [int(name.rpartition("-")[2]) for name in self.members]
        gaps = [ages[i + 1] - (ages[i - 1] if i else 0) for i in range(len(ages) - 1)]
        return gaps.index(min(gaps)) if gaps else 0

    def draw(self, run_seed: int, update: int) -> str | None:
        """The frozen opponent of an update, uniform over the members; None while there are none."""
        if not self.members:
            return None
        return random.Random(derive_seed(run_seed, "league", update)).choice(self.members)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"members": list(self.members)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.members = list(state["members"])

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def frozen_seat(index: int, seats: list[str], share: float) -> str | None:
    """Which seat of the index-th match of an update a frozen opponent takes; None: self-play.

    The first `share` of every twenty matches meet the league, alternating seats.
    """
    slot, per_twenty = index % 20, round(20 * share)
    return seats[(index // 20 + slot) % len(seats)] if slot < per_twenty else None
