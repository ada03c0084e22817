"""Past checkpoints as opponents (fictitious self-play): who plays whom in an update, and from which seat.

Some matches of an update are self-play, in which the current policy takes every seat and every seat is trained. The
others put one frozen checkpoint into one seat; the seat rotates from match to match, and frozen seats never train
(their trajectories are marked not trainable, and the learner refuses such).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from sparring.types import derive_seed


@dataclass(slots=True)
class League:
    """Names of snapshots, oldest first; at most `size` are kept, the newest and an even spread of the past."""

    size: int
    members: list[str] = field(default_factory=list)

    def add(self, name: str) -> list[str]:
        """Take in a snapshot; returns the names that had to leave."""
        self.members.append(name)
        gone = []
        while len(self.members) > self.size:
            gone.append(self.members.pop(self._most_crowded()))
        return gone

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


def frozen_seat(index: int, seats: list[str], share: float) -> str | None:
    """Which seat of the index-th match of an update a frozen opponent takes; None: self-play.

    The first `share` of every twenty matches meet the league, alternating seats.
    """
    slot, per_twenty = index % 20, round(20 * share)
    return seats[(index // 20 + slot) % len(seats)] if slot < per_twenty else None
