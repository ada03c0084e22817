"""The checkpoints of a run: folders that appear whole or not at all, and are known to be damaged where they are.

A checkpoint is everything that the next update depends on. It carries the checksums of its files, and stands before an
older one goes. Equal files are one file with several names (hard links): a snapshot of the league takes no room beside
the checkpoint of the same update.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from sparring.files import fsync
from sparring.store.run_files import RunError, checkpoint_name, checkpoints_of
from sparring.store.sealing import SUMS, DamagedFile, is_sealed, require_sealed, seal, sha256, share_equal_files
from sparring.trainers.state import State
from sparring.trainers.whole_files import save_weights

KEPT = 2
"""Checkpoints, while nothing else is said: where the last one is damaged, a run goes on from the one before."""
logger = logging.getLogger(__name__)


def _accept(state: State) -> None:
    """Nothing else has to be whole."""


class Checkpoints:
    """The folder `checkpoints/` of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._current: Path | None = None
        """The checkpoint that this process loaded or wrote last."""

    def save_whole(self, name: str, write: Callable[[Path], None]) -> None:
        """Let `write` fill a folder. `checkpoints/NAME` leads to the older one until the new one is complete."""
        partial = self._fill(name, write)
        standing = self.path / f"{name}-{sha256(partial / SUMS)[:12]}"
        if standing.exists() and is_sealed(standing):  # the very same content
            shutil.rmtree(partial)
        else:
            self._stand(partial, standing)
        link, place, replaced = (self.path / word for word in (f".link-{name}", name, f".replaced-{name}"))
        link.symlink_to(standing.name)
        if place.is_dir() and not place.is_symlink():  # a copy of a run holds a folder instead of the link
            os.replace(place, replaced)
        os.replace(link, place)
        fsync(self.path)
        for older in (replaced, *self.path.glob(f"{name}-*")):
            if older != standing:
                shutil.rmtree(older, ignore_errors=True)

    def save(self, update: int, weights: Mapping[str, torch.Tensor], state: State, keep: int = KEPT) -> bool:
        """Write a checkpoint, then forget all but the last `keep`; False if nothing was done since the present one.

        Raises NotFinite for weights that are not, and OSError; the checkpoints before stay.
        """

        def write(folder: Path) -> None:
            save_weights(folder / "weights.safetensors", weights)
            try:
                torch.save(dict(state), folder / "state.pt")
            except RuntimeError as error:  # torch's word for a file that cannot be written
                raise OSError(f"{folder / 'state.pt'} cannot be written, is the disk full? ({error})") from error

        target = self.path / checkpoint_name(update)
        if target == self._current and target.is_dir():
            return False
        self._stand(self._fill(target.name, write), target)
        self._current = target
        self.keep_last(keep)
        return True

    def keep_last(self, count: int) -> None:
        """Forget all checkpoints but the last `count`: those up to the one that was written or loaded last."""
        past = [folder for folder in self._complete() if self._current is None or folder.name <= self._current.name]
        for other in self._complete():
            if other not in past[-count:]:
                shutil.rmtree(other)

    def load(self, require_rest: Callable[[State], None] = _accept) -> tuple[dict[str, torch.Tensor], State] | None:
        """Weights and state of the last checkpoint that is whole; None, and a warning, where there is no checkpoint.

        `require_rest` raises DamagedFile where other files, which a state rests on, are not whole. Every damaged
        checkpoint is logged as a warning. Raises RunError where all are damaged.
        """
        damage = ""
        for folder in reversed(self._complete()):
            try:
                found = _read_checkpoint(folder)
                require_rest(found[1])
            except DamagedFile as error:
                damage = damage or f"checkpoint {error}"
                logger.warning("checkpoint %s; trying the one before it", error)
                continue
            self._current = folder
            return found
        if damage:
            raise RunError(f"{damage}, and no other one is whole; nothing was changed")
        logger.warning("%s holds no checkpoint: the run starts again at update 0", self.path)
        return None

    def _complete(self) -> list[Path]:
        return checkpoints_of(self.path.parent)

    def _fill(self, name: str, write: Callable[[Path], None]) -> Path:
        """A sealed folder beside the standing ones; what a kill left of earlier attempts goes first."""
        self.path.mkdir(exist_ok=True)
        fsync(self.path.parent)
        for left in self.path.glob(".*-*"):
            left.unlink() if left.is_symlink() else shutil.rmtree(left)
        partial = self.path / f".partial-{name}"
        partial.mkdir()
        write(partial)
        share_equal_files(partial, self.path)
        seal(partial)
        return partial

    def _stand(self, partial: Path, target: Path) -> None:
        """Give a sealed folder its name. What has the name already was damaged, and given up when the run went on."""
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
        fsync(self.path)


def _read_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], State]:
    require_sealed(folder)
    try:
        return load_file(folder / "weights.safetensors"), torch.load(folder / "state.pt", weights_only=True)
    except Exception as error:
        raise DamagedFile(f"{folder} is damaged ({error})") from error
