"""The arrays of a store's episodes, named by the SHA-256 of their bytes, written once: in a folder, one file each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import zstandard

from sparring.content import Blob
from sparring.files import drafted, fsync
from sparring.store.rows import DamagedStore

LEVEL = 3


class Blobs(Protocol):
    """Where blobs are kept. Nothing in it is ever changed."""

    def add(self, blobs: Iterable[Blob]) -> None:
        """Write those that are not there yet, durably. Raises ValueError for one that comes without its bytes."""

    def read(self, sha256: str) -> bytes:
        """The bytes of that name. Raises KeyError, DamagedStore."""

    def has(self, sha256: str) -> bool:
        """Whether there are bytes of that name."""


class BlobFolder:
    """A folder of blobs: `Blobs`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, blobs: Iterable[Blob]) -> None:
        """Write those that are not there yet, durably. Raises ValueError for one that comes without its bytes."""
        for blob in {blob.sha256: blob for blob in blobs}.values():
            path = self._path(blob.sha256)
            if path.exists():
                continue
            data = packed(blob)
            path.parent.mkdir(parents=True, exist_ok=True)
            fsync(self.folder)
            with drafted(path, shared=True) as draft:
                draft.write_bytes(data)

    def read(self, sha256: str) -> bytes:
        """The bytes of that name. Raises KeyError, DamagedStore."""
        path = self._path(sha256)
        try:
            return unpacked(path.read_bytes(), sha256, str(path))
        except FileNotFoundError:
            raise KeyError(f"no blob {sha256} in {self.folder}") from None

    def has(self, sha256: str) -> bool:
        """Whether there are bytes of that name."""
        return self._path(sha256).exists()

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.zst"


def packed(blob: Blob) -> bytes:
    """What is written of a blob. Raises ValueError for one that comes without its bytes."""
    if blob.data is None:
        raise ValueError(f"blob {blob.sha256} comes without its bytes, and this store does not hold them")
    return zstandard.compress(blob.data, LEVEL)


def unpacked(written: bytes, sha256: str, where: str) -> bytes:
    """The bytes of a blob. Raises DamagedStore unless they have the hash that names them."""
    try:
        data = zstandard.decompress(written)
    except zstandard.ZstdError as error:
        raise DamagedStore(f"blob {where} is damaged: {error}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedStore(f"blob {where} is damaged: its bytes have another hash")
    return data
