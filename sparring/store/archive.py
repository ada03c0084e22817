"""A store's frames and blobs in an object storage, to be kept or fetched: `s3://BUCKET/NAME`, whatever fsspec reaches.

    store.json                     format and version
    segments/FIRST-LAST.zst        the frames of these numbers, one after another, as in a segment file
    blobs/ab/SHA256.zst            images and long arrays

An archive is an end of a copy and no store: an object cannot be appended to, so nothing plays into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from sparring.content import Blob
from sparring.registry import require
from sparring.store.blobs import packed, unpacked
from sparring.store.copying import Packed
from sparring.store.marker import FORMAT, VERSION, StoreVersionError
from sparring.store.rows import DamagedStore
from sparring.store.segments import ROTATE_BYTES, frames_in

_NUMBERS = re.compile(r"(\d+)-(\d+)\.zst")
T = TypeVar("T")


def _require_whole_path(url: str) -> None:
    """Raises ValueError for a relative path that looks absolute."""
    if re.match(r"(file|local)://(?!/)", url):
        raise ValueError(f"{url} is a relative path: write file:/// and the whole path")


class FileSystem(Protocol):
    """What we use of a file system of fsspec."""

    def find(self, path: str) -> list[str]:
        """All files below a path."""

    def exists(self, path: str) -> bool:
        """Whether something is there."""

    def cat_file(self, path: str) -> bytes:
        """A file's bytes."""

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write a file."""


class Archive:
    """An archive as an end of a copy."""

    def __init__(self, url: str, make: bool = False) -> None:
        """`make`: where nothing is there, begin one.

        Raises ValueError for a path without its beginning, FileNotFoundError, FileExistsError, StoreVersionError.
        """
        self.url = url
        _require_whole_path(url)
        self._files: FileSystem
        options = {"auto_mkdir": True} if url.startswith(("file:", "local:")) else {}
        self._files, self._root = self._asked(lambda: require("fsspec.core", "archive").url_to_fs(url, **options))
        self._pending: list[Packed] = []
        self._require_marker(make)
        self._segments = self._find_segments()
        self._end: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.url

    def size(self) -> tuple[int, int]:
        """How many frames and episodes there are."""
        if self._end is None:
            held = self._segments[-1][1] if self._segments else 0
            last = next(self.frames(held)) if held else None
            self._end = (held, last.found.header.count + last.episodes) if last else (0, 0)
        return self._end

    def frames(self, first: int) -> Iterator[Packed]:
        """The frames from that number on. Raises DamagedStore."""
        expected = first
        for _, last, name in self._segments:
            if last < expected:
                continue
            data = self._get(name)
            for found in frames_in(name, data):
                if found.header.sequence == expected:
                    yield Packed(found, data[found.frame.offset : found.frame.offset + found.frame.length])
                    expected += 1
            if expected != last + 1:
                raise DamagedStore(f"{self.url}/{name} is damaged: frame {expected} is not whole, or missing")

    def take(self, frames: Sequence[Packed], blob: Callable[[str], bytes]) -> None:
        """Write frames that follow; an object is written when it has grown to the size of a segment, or at the end."""
        for one in frames:
            for named in one.blobs:
                name = _blob_name(named.sha256)
                if not self._asked(lambda name=name: self._files.exists(f"{self._root}/{name}")):  # type: ignore[misc]
                    filled = Blob(named.sha256, named.dtype, named.shape, named.name, blob(named.sha256))
                    self._put(name, packed(filled))
            self._pending.append(one)
        if sum(len(one.bytes) for one in self._pending) >= ROTATE_BYTES:
            self.finish()

    def blob(self, sha256: str) -> bytes:
        """The bytes of an array. Raises KeyError, DamagedStore."""
        name = _blob_name(sha256)
        try:
            return unpacked(self._get(name), sha256, f"{self.url}/{name}")
        except FileNotFoundError:
            raise KeyError(f"no blob {sha256} in {self.url}") from None

    def finish(self) -> None:
        """Write what is still held back."""
        if not self._pending:
            return
        first, last = self._pending[0].sequence, self._pending[-1].sequence
        name = f"segments/{first:012}-{last:012}.zst"
        self._put(name, b"".join(one.bytes for one in self._pending))
        self._segments.append((first, last, name))
        self._pending.clear()
        self._end = None

    def _require_marker(self, make: bool) -> None:
        marker = {"format": FORMAT, "version": VERSION}
        if self._asked(lambda: self._files.exists(f"{self._root}/store.json")):
            try:
                found = json.loads(self._get("store.json"))
            except ValueError as error:
                raise DamagedStore(f"{self.url}/store.json is damaged: {error}") from error
            if found != marker:
                raise StoreVersionError(
                    f"{self.url} holds {found}; this Sparring reads only {FORMAT} version {VERSION}"
                )
        elif not make:
            raise FileNotFoundError(
                f"no archive of a store at {self.url}: `sparring store copy STORE {self.url}` writes one"
            )
        elif self._asked(lambda: self._files.find(self._root)):
            raise FileExistsError(f"{self.url} holds something else and no archive of a store: name an empty place")
        else:
            self._put("store.json", json.dumps(marker).encode())

    def _find_segments(self) -> list[tuple[int, int, str]]:
        """(first frame, last frame, name), in order."""
        files = self._asked(lambda: self._files.find(f"{self._root}/segments"))
        named = [(_NUMBERS.fullmatch(file.rpartition("/")[2]), file) for file in files]
        return sorted((int(found[1]), int(found[2]), f"segments/{found[0]}") for found, _ in named if found)

    def _get(self, name: str) -> bytes:
        return self._asked(lambda: self._files.cat_file(f"{self._root}/{name}"))

    def _put(self, name: str, data: bytes) -> None:
        self._asked(lambda: self._files.pipe_file(f"{self._root}/{name}", data))

    def _asked(self, ask: Callable[[], T]) -> T:
        """The answer of a storage, whose client raises what it likes."""
        try:
            return ask()
        except (OSError, ImportError, ValueError):
            raise
        except Exception as error:
            raise OSError(f"{self.url}: {type(error).__name__}: {error}") from error


def _blob_name(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256}.zst"
