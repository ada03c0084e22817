"""Copies of stores, frame by frame as they are, so that every hash and every root stays what it was.

A copy that was interrupted goes on where it stopped: what is there already must end with the very frame that the
original has at that place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sparring.content import Blob
from sparring.store.location import Server
from sparring.store.recovery import take_in
from sparring.store.rows import DamagedStore, read_line
from sparring.store.segments import Found, frame_at
from sparring.store.store import Store

MOST_FRAMES, MOST_BYTES = 64, 8 << 20
"""Of a transaction on a server."""
Progress = Callable[[int, int], None]
"""Hears how many episodes are copied, and of how many."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A whole frame: its bytes, and what they say."""

    found: Found
    bytes: bytes = field(repr=False)

    @property
    def sequence(self) -> int:
        """The frame's number in the store."""
        return self.found.header.sequence

    @property
    def blobs(self) -> Iterator[Blob]:
        """Named by its episodes."""
        if self.found.header.kind == "episodes":
            for line in self.found.lines:
                yield from read_line(line).episode.blobs

    @property
    def episodes(self) -> int:
        """How many it holds."""
        return len(self.found.lines) if self.found.header.kind == "episodes" else 0


class End(Protocol):
    """One end of a copy: a store, or an archive."""

    def __str__(self) -> str: ...

    def size(self) -> tuple[int, int]:
        """How many frames and episodes there are."""

    def frames(self, first: int) -> Iterator[Packed]:
        """The frames from that number on, each whole. Raises DamagedStore."""

    def take(self, frames: Sequence[Packed], blob: Callable[[str], bytes]) -> None:
        """Write frames that follow, durably. `blob` gives the bytes of one that they name."""

    def blob(self, sha256: str) -> bytes:
        """The bytes of an array. Raises KeyError, DamagedStore."""

    def finish(self) -> None:
        """Write what is still held back."""


class StoreEnd:
    """An open store as an end of a copy."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __str__(self) -> str:
        return str(self.store.path)

    def size(self) -> tuple[int, int]:
        """How many frames and episodes there are."""
        head = self.store.parts.index.head
        return head.frames, head.count

    def frames(self, first: int) -> Iterator[Packed]:
        """The frames from that number on. Raises DamagedStore."""
        frames = self.store.parts.frames
        for sequence, frame in self.store.parts.index.frames(first):
            try:
                blob = frames.read(frame)
                yield Packed(frame_at(frame.segment, blob), blob)
            except (ValueError, FileNotFoundError) as error:
                where = frames.where(frame) if frame.length else f"{self}: frame {sequence}"
                raise DamagedStore(f"{where} is damaged, and only a whole store is copied: {error}") from error

    def take(self, frames: Sequence[Packed], blob: Callable[[str], bytes]) -> None:
        """Write frames that follow, durably. Raises ValueError where others have written meanwhile."""
        for group in _groups(frames, isinstance(self.store.path, Server)):
            self.store.parts.write(lambda group=group: self._take(group, blob))  # type: ignore[misc]

    def blob(self, sha256: str) -> bytes:
        """The bytes of an array."""
        return self.store.blob(sha256)

    def finish(self) -> None:
        """Nothing is held back."""

    def _take(self, group: Sequence[Packed], blob: Callable[[str], bytes]) -> None:
        parts = self.store.parts
        for one in group:
            head, header = parts.index.head, one.found.header
            if header.sequence <= head.frames:  # a server had committed it and could not say so
                continue
            if (header.sequence, header.count, header.root) != (head.frames + 1, head.count, head.root):
                raise ValueError(f"{self} cannot be gone on with: it has other episodes before frame {header.sequence}")
            missing = {named.sha256: named for named in one.blobs if not parts.blobs.has(named.sha256)}
            parts.blobs.add(_filled(named, blob(named.sha256)) for named in missing.values())
            take_in(parts.index, one.found, parts.append(one.sequence, one.bytes))


def copy(source: End, target: End, progress: Progress | None = None) -> int:
    """Bring a target to where a source is; returns how many episodes were new.

    Raises ValueError where the target holds something else, DamagedStore where the source is not whole.
    """
    (frames, total), (held, before) = source.size(), target.size()
    require_same_beginning(source, target)
    done = before
    group: list[Packed] = []
    for one in source.frames(held + 1):
        if one.sequence > frames:
            break
        group.append(one)
        if len(group) >= MOST_FRAMES or sum(len(each.bytes) for each in group) >= MOST_BYTES:
            done += _hand_over(group, source, target)
            if progress:
                progress(done, total)
    done += _hand_over(group, source, target)
    target.finish()
    if progress:
        progress(done, total)
    if target.size() != (frames, total):
        raise DamagedStore(f"{source} is damaged: {done} of its {total} episodes could be copied")
    return done - before


def require_same_beginning(source: End, target: End) -> None:
    """Raises ValueError unless a target is empty, or holds what a source begins with."""
    (frames, _), (held, _) = source.size(), target.size()
    if not held:
        return
    refusal = f"{target} holds something else than {source}: name an empty place, or a copy that was not finished"
    if held > frames:
        raise ValueError(f"{refusal} (it has more frames, {held} against {frames})")
    if next(source.frames(held)).bytes != next(target.frames(held)).bytes:
        raise ValueError(refusal)


def _hand_over(group: list[Packed], source: End, target: End) -> int:
    target.take(group, source.blob)
    episodes = sum(one.episodes for one in group)
    group.clear()
    return episodes


def _groups(frames: Sequence[Packed], together: bool) -> Iterable[Sequence[Packed]]:
    """On a server one transaction for all. In a folder one a frame: after a crash at most one is not in the index."""
    return [frames] if together else ([one] for one in frames)


def _filled(blob: Blob, data: bytes) -> Blob:
    return Blob(blob.sha256, blob.dtype, blob.shape, blob.name, data)
