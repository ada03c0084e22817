"""Weights and folders that are known to be damaged where they are, and never hold what is not finite.

A sealed folder holds `SHA256SUMS`, one line for every other file in it, as `sha256sum --check` reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from sparring.files import fsync, partial_of, put_in_place, write_whole

SUMS = "SHA256SUMS"


class DamagedFile(ValueError):
    """A file or folder is not as it was written."""


class NotFinite(RuntimeError):
    """Weights that hold `nan` or an infinity; they are never written."""


def save_weights(file: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights as `write_whole` does; a tied tensor is written once. Raises NotFinite before anything is written.

    Raises what safetensors raises where the disk is full.
    """
    require_finite(weights)
    partial = partial_of(file)
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}, partial)
    put_in_place(partial, file)


def require_finite(weights: Mapping[str, torch.Tensor]) -> None:
    """Raises NotFinite naming the first parameter with a value that is not finite."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            wrong = int((~torch.isfinite(tensor)).sum())
            raise NotFinite(
                f"{wrong} of {tensor.numel()} values of {name} are not finite: these weights are not written, "
                "and the checkpoints before them stay"
            )


def seal(folder: Path) -> None:
    """Write the checksums of all files in a folder, and all of it to the disk."""
    for file in _files(folder):
        fsync(file)
    write_whole(folder / SUMS, _sums(folder))


def require_sealed(folder: Path) -> None:
    """Raises DamagedFile unless every file of a sealed folder is as it was when it was sealed."""
    file = folder / SUMS
    if not file.is_file():
        raise DamagedFile(f"{folder} is damaged: it has no {SUMS}")
    written, present = (set(lines.splitlines()) for lines in (file.read_bytes(), _sums(folder)))
    if different := sorted(written ^ present):
        names = sorted({line.partition(b"  ")[2].decode("utf-8", "replace") for line in different})
        raise DamagedFile(f"{folder} is damaged: the checksum of {', '.join(names)} does not hold")


def sha256(file: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sums(folder: Path) -> bytes:
    lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in _files(folder)]
    return "".join(lines).encode()


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / SUMS)
