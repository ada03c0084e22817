"""The arrays of a store's episodes: one file each, named by the SHA-256 of its bytes, written once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import zstandard

from sparring.content import Blob
from sparring.files import drafted, fsync
from sparring.store.rows import DamagedStore

LEVEL = 3


class Blobs:
    """A folder of blobs. Nothing in it is ever changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, blobs: Iterable[Blob]) -> None:
        """Write those that are not there yet, durably. Raises ValueError for one that comes without its bytes."""
        for blob in {blob.sha256: blob for blob in blobs}.values():
            path = self._path(blob.sha256)
            if path.exists():
                continue
            if blob.data is None:
                raise ValueError(f"blob {blob.sha256} comes without its bytes, and this store does not hold them")
            path.parent.mkdir(parents=True, exist_ok=True)
            fsync(self.folder)
            with drafted(path, shared=True) as draft:
                draft.write_bytes(zstandard.compress(blob.data, LEVEL))

    def read(self, sha256: str) -> bytes:
        """The bytes of that name. Raises KeyError, DamagedStore."""
        path = self._path(sha256)
        try:
            data = zstandard.decompress(path.read_bytes())
        except FileNotFoundError:
            raise KeyError(f"no blob {sha256} in {self.folder}") from None
        except zstandard.ZstdError as error:
            raise DamagedStore(f"blob {path} is damaged: {error}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DamagedStore(f"blob {path} is damaged: its bytes have another hash")
        return data

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.zst"
