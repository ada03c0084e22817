"""Files of weights that appear whole or not at all, and never hold what is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from sparring.files import drafted

FORMAT = {"format": "pt"}
"""What `transformers` writes at the head of its weights: so equal weights are equal files, whoever wrote them."""


class NotFinite(RuntimeError):
    """Weights that hold `nan` or an infinity; they are never written."""


def save_weights(file: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights as `write_whole` does; a tied tensor is written once. Raises NotFinite before anything is written.

    Raises OSError where the disk is full.
    """
    require_finite(weights)
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    with drafted(file) as draft:
        try:
            save_file(plain, draft, metadata=FORMAT)
        except SafetensorError as error:  # its word for a file that cannot be written
            raise OSError(f"{file} cannot be written, is the disk full? ({error})") from error


def require_finite(weights: Mapping[str, torch.Tensor]) -> None:
    """Raises NotFinite naming the first parameter with a value that is not finite."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            wrong = int((~torch.isfinite(tensor)).sum())
            raise NotFinite(
                f"{wrong} of {tensor.numel()} values of {name} are not finite: these weights are not written, "
                "and the checkpoints before them stay"
            )
