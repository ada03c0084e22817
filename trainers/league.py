"""Past checkpoints as opponents (fictitious self-play): who plays whom in an update, and from which seat.

Some matches of an update are self-play, in which the current policy takes every seat and every seat is trained. The
others put one frozen checkpoint into one seat; the seat rotates from match to match, and frozen seats never train
(their trajectories are marked not trainable, and the learner refuses such).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from sparring.store.sealing import DamagedFile, sha256
from sparring.trainers.state import State
from sparring.trainers.whole_files import save_weights
from sparring.types import derive_seed


class League:
    """Snapshots on disk, oldest first; at most `size` are kept, the newest and an even spread of the past."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.members: list[str] = []
        self.checksums: dict[str, str] = {}
        """Name -> SHA-256 of its file, of the members and of those that earlier checkpoints may still need."""
        self._saved: list[list[str]] = []
        """The members at each of the last checkpoints, the latest last: those on disk need the files of theirs."""

    def add(self, name: str, weights: Mapping[str, torch.Tensor]) -> None:
        """Take in a snapshot. The files of those that have to leave stay until `prune`. Raises NotFinite."""
        self.folder.mkdir(parents=True, exist_ok=True)
        save_weights(self._file(name), weights)
        self.checksums[name] = sha256(self._file(name))
        self.members.append(name)
        while len(self.members) > self.size:
            self.members.pop(self._most_crowded())

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        """The weights of a member. Raises DamagedFile."""
        self._require_whole(name, self.checksums[name])
        return dict(load_file(self._file(name)))

    def require_whole(self, state: State) -> None:
        """Raises DamagedFile unless all members that `state_dict` gave are on disk as they were."""
        for name in state["members"]:
            self._require_whole(name, state["checksums"][name])

    def prune(self, checkpoints: int = 2) -> None:
        """Delete the files that none of the last checkpoints, so many, needs; one was written just now."""
        self._saved = [*self._saved, list(self.members)][-checkpoints:]
        kept = {name for members in self._saved for name in members}
        self.checksums = {name: checksum for name, checksum in self.checksums.items() if name in kept}
        for file in [*self.folder.glob("*.safetensors"), *self.folder.glob(".*.partial")]:
            if file.stem not in kept:
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

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {"members": list(self.members), "checksums": dict(self.checksums), "earlier": list(self._saved)}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.members, self.checksums = list(state["members"]), dict(state["checksums"])
        self._saved = [*state.get("earlier", ()), list(self.members)]

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _require_whole(self, name: str, checksum: str) -> None:
        file = self._file(name)
        if not file.is_file() or sha256(file) != checksum:
            raise DamagedFile(f"{file} is {'damaged' if file.is_file() else 'missing'}")


def frozen_seat(index: int, seats: list[str], share: float) -> str | None:
    """Which seat of a run's index-th match in a game a frozen opponent takes; None: self-play.

    The share is spread by error diffusion: among any matches in a row it is right to within one. Seats alternate.
    """
    before, after = int(index * share), int((index + 1) * share)
    return seats[before % len(seats)] if after > before else None
