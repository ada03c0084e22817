"""Pictures of an observation for models that see: PNG, as servers of OpenAI's protocol take them.

An observation's picture is a blob; what is recorded names the blob, and the store holds its bytes once.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from sparring.content import Blob, Content, shown
from sparring.protocols import Completion, Ids
from sparring.types import Sampling

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 3: 2, 4: 6}
"""PNG's colour type by the number of channels: grey, RGB, RGBA."""


@runtime_checkable
class SeesPictures(Protocol):
    """A model that is shown pictures beside the text."""

    async def generate_seeing(self, prompt: Ids, sampling: Sampling, seed: int, pictures: Sequence[Blob]) -> Completion:
        """As `LanguageModel.generate`; the pictures belong to the prompt's last message."""
        ...


def pictures_of(content: Content) -> tuple[Blob, ...]:
    """The blobs that are pictures: bytes of [height, width], or of [height, width, channels], grey, RGB or RGBA."""
    return tuple(part for part in content if isinstance(part, Blob) and _is_picture(part))


def named(text: str, pictures: Sequence[Blob]) -> str:
    """A text, and the names of the pictures that come with it, one a line."""
    return "\n".join(part for part in (text, *map(shown, pictures)) if part)


def data_uri(picture: Blob) -> str:
    """A picture as a URI that holds it. Raises ValueError for a blob without its bytes."""
    return f"data:image/png;base64,{base64.b64encode(png(picture.array())).decode()}"


def png(pixels: np.ndarray) -> bytes:
    """[height, width] or [height, width, channels] bytes as a PNG file."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = pixels.reshape(height, width * channels)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(unfiltered.tobytes())), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _is_picture(blob: Blob) -> bool:
    shape = blob.shape
    return blob.dtype == "|u1" and 0 not in shape and (len(shape) == 2 or (len(shape) == 3 and shape[2] in COLOURS))
