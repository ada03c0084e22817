"""The episode store: a folder that only grows, and never gives back anything but what was put in.

    store.json          format and version
    index.sqlite        one row per episode: what can be asked without decoding it, and where it lies
    segments/*.zst      the episodes, one JSON line each, one checksummed zstd frame per appended batch

`append` returns when the batch is on disk (frame fsynced, then index committed). A reader checks the frame's checksum
and the episode's own SHA-256, so damage is an error that names the episode, never a wrong value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sparring.scoreboard.index import Index
from sparring.scoreboard.records import DamagedEpisode, DamagedStore, EpisodeRow, Record, decode, encode
from sparring.scoreboard.schema import Entry
from sparring.scoreboard.segments import SegmentWriter, cut_torn_tails, fsync_folder, read_frame
from sparring.types import Episode

__all__ = ["DamagedEpisode", "DamagedStore", "EpisodeRow", "Store", "StoreVersionError"]

FORMAT = "sparring-store"
VERSION = 1


class StoreVersionError(Exception):
    """The folder was written by another version of this format, or is no store at all."""


class Store:
    """Episodes in a folder. Many processes may read and append at once; use as a context manager."""

    def __init__(self, path: str | os.PathLike[str], mode: Literal["r", "a"] = "r") -> None:
        """Raises FileNotFoundError (mode r), StoreVersionError, DamagedStore, OSError."""
        if mode not in ("r", "a"):
            raise ValueError(f"mode must be 'r' or 'a', got {mode!r}")
        self.path, self.mode = Path(path), mode
        if mode == "a":
            _create(self.path)
        _require_version(self.path)
        self._segments = self.path / "segments"
        self._index = Index(self.path / "index.sqlite", mode)
        self._writer = SegmentWriter(self._segments)
        self._last: tuple[object, list[bytes]] = (None, [])
        if mode == "a":
            cut_torn_tails(self._segments, self._index.committed_end)

    def append(self, episodes: Sequence[Episode]) -> None:
        """Store a batch, durably and all or nothing.

        An id that is stored already is skipped if the hash is equal; otherwise ValueError. TypeError for content that
        JSON would not give back; OSError if the disk refuses, with everything recorded so far untouched.
        """
        self._require_append()
        records = _distinct([encode(episode) for episode in episodes])
        with self._index.transaction():
            known = {entry.row.id: entry.row.hash for entry in self._index.lookup(records)}
            fresh = [record for id, record in records.items() if not _is_known(record, known.get(id))]
            if fresh:
                self._write(fresh)

    def get(self, id: str) -> Episode:
        """One episode. Raises KeyError, DamagedEpisode."""
        return self.get_many([id])[id]

    def get_many(self, ids: Iterable[str]) -> dict[str, Episode]:
        """Episodes by id, in the order asked. Raises KeyError for an id that is not stored, DamagedEpisode."""
        wanted = list(dict.fromkeys(ids))
        entries = sorted(self._index.lookup(wanted), key=lambda entry: entry.row.position)
        found = dict(self._decoded(entries))
        for id in wanted:
            if id not in found:
                raise KeyError(f"no episode {id!r} in {self.path}")
        return {id: _or_raise(found[id]) for id in wanted}

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are stored."""
        return {entry.row.id for entry in self._index.lookup(ids)}

    def scan(self) -> Iterator[tuple[EpisodeRow, Episode | DamagedEpisode]]:
        """Every row with its episode, in append order; damage is handed over instead of raised."""
        for entry in self._index.select():
            yield entry.row, self._decode(entry)

    def find(
        self,
        env_id: str | None = None,
        agent: str | None = None,
        status: str | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> list[Episode]:
        """The first `limit` episodes that match everything given; `agent` may sit at any seat."""
        entries = self._index.select(agent, limit, env_id=env_id, status=status, grp=group)
        return [_or_raise(self._decode(entry)) for entry in entries]

    def rows(
        self,
        env_id: str | None = None,
        agent: str | None = None,
        status: str | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> Iterator[EpisodeRow]:
        """Like `find`, from the index alone."""
        for entry in self._index.select(agent, limit, env_id=env_id, status=status, grp=group):
            yield entry.row

    def put_columns(self, method: str, name: str, values: Mapping[str, float]) -> None:
        """Attach a number to trajectories (an advantage, a weight), durably. Other values than stored: ValueError."""
        self._require_append()
        self._index.put_columns(method, name, values)

    def columns(self, method: str, name: str) -> dict[str, float]:
        """trajectory id -> value, of one method."""
        return self._index.columns(method, name)

    def root(self) -> str:
        """SHA-256 chained over all episode hashes in append order: equal roots, equal contents."""
        return self._index.root

    @property
    def count(self) -> int:
        """How many episodes are stored: the cursor that a checkpoint keeps."""
        return self._index.count

    def __len__(self) -> int:
        return self.count

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and any(True for _ in self._index.lookup([id]))

    def __iter__(self) -> Iterator[Episode]:
        return (_or_raise(found) for _, found in self.scan())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the files; what was appended is on disk already."""
        self._writer.close()
        self._index.close()

    def _write(self, records: Sequence[Record]) -> None:
        frame = self._writer.append([record.line for record in records])
        try:
            self._index.add(records, frame)
        except BaseException:
            self._writer.take_back(frame)
            raise

    def _decoded(self, entries: Iterable[Entry]) -> Iterator[tuple[str, Episode | DamagedEpisode]]:
        return ((entry.row.id, self._decode(entry)) for entry in entries)

    def _decode(self, entry: Entry) -> Episode | DamagedEpisode:
        try:
            return decode(self._lines(entry)[entry.line], entry.row.hash)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
            file = self._segments / entry.frame.segment
            return DamagedEpisode(entry.row.id, file, entry.frame.offset, str(error))

    def _lines(self, entry: Entry) -> list[bytes]:
        if self._last[0] != entry.frame:
            self._last = (entry.frame, read_frame(self._segments, entry.frame))
        return self._last[1]

    def _require_append(self) -> None:
        if self.mode != "a":
            raise PermissionError(f"{self.path} is open for reading; open it with mode='a' to append")


def _create(path: Path) -> None:
    """Make an empty store unless something is there already."""
    (path / "segments").mkdir(parents=True, exist_ok=True)
    marker = path / "store.json"
    if marker.exists() or (path / "index.sqlite").exists():
        return
    draft = path / f"store.json.{os.getpid()}"
    with open(draft, "w") as file:
        json.dump({"format": FORMAT, "version": VERSION}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(marker)
    fsync_folder(path)


def _require_version(path: Path) -> None:
    marker = path / "store.json"
    if not marker.exists():
        if (path / "index.sqlite").exists():
            raise StoreVersionError(f"{path} has an index but no store.json: it is not a version {VERSION} store")
        nested = path / "episodes"
        hint = f"did you mean {nested}?" if nested.is_dir() else "`sparring play` and `sparring train` write one"
        raise FileNotFoundError(f"no episode store at {path}: {hint}")
    try:
        found = json.loads(marker.read_text())
    except ValueError as error:
        raise StoreVersionError(f"{marker} cannot be read: {error}") from error
    if found != {"format": FORMAT, "version": VERSION}:
        raise StoreVersionError(f"{path} holds {found}; this Sparring reads only {FORMAT} version {VERSION}")


def _distinct(records: Iterable[Record]) -> dict[str, Record]:
    distinct: dict[str, Record] = {}
    for record in records:
        first = distinct.setdefault(record.episode.id, record)
        _is_known(record, first.hash)
    return distinct


def _is_known(record: Record, stored_hash: str | None) -> bool:
    """Whether the same episode is stored. Raises ValueError if another one has its id."""
    if stored_hash is None:
        return False
    if stored_hash != record.hash:
        raise ValueError(
            f"episode id {record.episode.id!r} is taken: stored hash {stored_hash}, got another episode {record.hash}"
        )
    return True


def _or_raise(found: Episode | DamagedEpisode) -> Episode:
    if isinstance(found, DamagedEpisode):
        raise found
    return found
