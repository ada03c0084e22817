"""Pictures beside text: observations that hold the cameras' frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from gymnasium.spaces import Box, Dict, Space

from sparring.envs.any_text import AnyText
from sparring.envs.robot.types import Frame

MOST_OBSERVED = 100_000
"""Characters."""
SIZES = range(16, 513)
Seen = str | dict[str, object]
"""A text, or {"text": ..., CAMERA: [size, size, 3]}."""


def require_size(frames: int) -> None:
    """Raises ValueError for a size of pictures that is neither 0 nor sensible."""
    if type(frames) is not int or (frames and frames not in SIZES):
        raise ValueError(f"frames must be 0 (none) or from {SIZES[0]} to {SIZES[-1]} pixels, got {frames!r}")


def seen_space(cameras: Sequence[str], size: int) -> Space[Seen]:
    """The space of such observations."""
    text = AnyText(MOST_OBSERVED)
    if not size:
        return cast(Space[Seen], text)
    return cast(Space[Seen], Dict({"text": text, **{name: Box(0, 255, (size, size, 3), np.uint8) for name in cameras}}))


def seen(text: str, frames: Mapping[str, Frame] | None) -> Seen:
    """An observation; None: without pictures."""
    return text if frames is None else {"text": text, **frames}
