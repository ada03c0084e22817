"""The episode store: it only grows, and never gives back anything but what was put in. In a folder:

    store.json          format and version
    index.sqlite        one row per episode: what can be asked without decoding it, and where it lies
    segments/*.zst      the episodes, one JSON line each, one checksummed frame per appended batch; the columns
    blobs/*/*.zst       images and long arrays, named by the SHA-256 of their bytes

`append` returns when the batch is on disk (frame fsynced, then index committed). A reader checks the frame's checksum
and the episode's own SHA-256, so damage is an error that names the episode, never a wrong value. The segments hold
everything: `reindex` builds a lost index from them. On a PostgreSQL server each of these is a table.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, SupportsFloat

from sparring.kinds import require_each, require_kind
from sparring.store.index import Link
from sparring.store.location import Server, location_of, require_folder
from sparring.store.marker import StoreVersionError, lock_store, marker_of, no_store, require_version, write_marker
from sparring.store.parts import open_parts
from sparring.store.recovery import Rebuilt, column_lines
from sparring.store.recovery import reindex as rebuild
from sparring.store.rows import DamagedEpisode, DamagedStore, EpisodeRow, Record, decode, encode
from sparring.store.schema import Entry
from sparring.store.segments import Frame, Header, Kind, frame_at, pack_frame
from sparring.types import Episode

__all__ = ["DamagedEpisode", "DamagedStore", "EpisodeRow", "Link", "Store", "StoreVersionError", "reindex"]


class Store:
    """Episodes in a folder or on a PostgreSQL server. Many processes may read and append at once.

    Use as a context manager.
    """

    def __init__(self, path: str | os.PathLike[str] | Server, mode: Literal["r", "a"] = "r") -> None:
        """`path`: a folder, or `postgresql://USER@HOST/DATABASE?store=NAME`.

        Raises FileNotFoundError (mode r), StoreVersionError, DamagedStore, OSError, MissingExtra.
        """
        require_kind("path", path, (str, os.PathLike, Server), "the path of a folder, or a postgresql:// URL")
        if mode not in ("r", "a"):
            raise ValueError(f"mode must be 'r' or 'a', got {mode!r}")
        self.path, self.mode = location_of(path), mode
        self.parts = open_parts(self.path, mode)
        self._index, self._frames, self._blobs = self.parts.index, self.parts.frames, self.parts.blobs
        self._last: tuple[object, list[bytes]] = (None, [])

    def append(self, episodes: Sequence[Episode]) -> None:
        """Store a batch, durably and all or nothing.

        An id that is stored already is skipped if the hash is equal; otherwise ValueError. TypeError for content that
        JSON would not give back; OSError if the disk refuses, with everything recorded so far untouched.
        """
        self._require_append()
        records = _distinct([encode(one) for one in require_each("episodes", episodes, Episode, "an Episode")])

        def write() -> None:
            known = {entry.row.id: entry.row.hash for entry in self._index.lookup(records)}
            fresh = [record for id, record in records.items() if not _is_known(record, known.get(id))]
            if fresh:
                self._blobs.add(blob for record in fresh for blob in record.episode.blobs)
                self._index.add(fresh, self._write("episodes", [record.line for record in fresh]))

        self.parts.write(write)

    def get(self, id: str) -> Episode:
        """One episode. Raises KeyError, DamagedEpisode."""
        return self.get_many([id])[id]

    def get_many(self, ids: Iterable[str]) -> dict[str, Episode]:
        """Episodes by id, in the order asked. Raises KeyError for an id that is not stored, DamagedEpisode."""
        wanted = list(dict.fromkeys(require_each("ids", ids, str, "an episode's id")))
        entries = sorted(self._index.lookup(wanted), key=lambda entry: entry.row.position)
        found = dict(self._decoded(entries))
        for id in wanted:
            if id not in found:
                raise KeyError(f"no episode {id!r} in {self.path}")
        return {id: _or_raise(found[id]) for id in wanted}

    def at(self, positions: Iterable[int]) -> list[Episode]:
        """The episodes at those positions of `rows`, in append order. Raises DamagedStore, DamagedEpisode."""
        return [_or_raise(found) for _, found in self._decoded(self._index.at(positions))]

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are stored."""
        known = require_each("ids", ids, str, "an episode's id")
        return {entry.row.id for entry in self._index.lookup(known)}

    def blob(self, sha256: str) -> bytes:
        """The bytes of an image or array that an episode names. Raises KeyError, DamagedStore."""
        require_kind("sha256", sha256, str, "text")
        return self._blobs.read(sha256)

    def links(self, relation: str | None = None, parent: str | None = None) -> list[Link]:
        """Which trajectory comes from which, in append order; of one relation, or from one parent's id."""
        return self._index.links(relation, parent)

    def scan(
        self,
        env_id: str | None = None,
        agent: str | None = None,
        status: str | None = None,
        group: str | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[EpisodeRow, Episode | DamagedEpisode]]:
        """The rows that `rows` gives, each with its episode; damage is handed over instead of raised."""
        for entry in self._index.select(agent, limit, env_id=env_id, status=status, grp=group):
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
        yield from self._index.rows(agent, limit, env_id=env_id, status=status, grp=group)

    def put_columns(self, method: str, name: str, values: Mapping[str, float], as_stored: bool = False) -> None:
        """Attach a number to trajectories, calls or tokens (an advantage, a weight), durably, by their ids.

        A call's id is its trajectory's and its own: `ID/SEAT/3.0`; its fifth generated token is `ID/SEAT/3.0/4`.
        Raises ValueError for other values than stored; with `as_stored` these stand, for what is not computed equally
        to the bit everywhere.
        """
        self._require_append()
        require_kind("values", values, Mapping, "numbers by the ids of trajectories or calls")
        for id, value in values.items():
            require_kind(f"the value of {id!r}", value, (int, float, SupportsFloat), "a number")

        def write() -> None:
            fresh = self._index.new_columns(method, name, values, as_stored)
            if fresh:
                self._index.add_columns(fresh, self._write("columns", column_lines(fresh)))

        self.parts.write(write)

    def columns(self, method: str, name: str) -> dict[str, float]:
        """Id of trajectory or call -> value, of one method."""
        return self._index.columns(method, name)

    def damage(self) -> list[str]:
        """What is wrong with the store and with no single episode of it, in words: lost frames, damaged columns."""
        try:
            self._index.check()
        except DamagedStore as error:
            return [str(error)]
        lost = self._index.lost_frames()
        found = [f"{lost} frames of this store are lost: `sparring store reindex` found them damaged"] if lost else []
        for frame in self._index.column_frames():
            try:
                frame_at(frame.segment, self._frames.read(frame))
            except (ConnectionError, TimeoutError):
                raise
            except (ValueError, OSError) as error:
                found.append(f"columns in {self._frames.where(frame)}: {error}")
        return found

    def root(self) -> str:
        """SHA-256 chained over all episode hashes in append order: equal roots, equal contents."""
        return self._index.head.root

    @property
    def count(self) -> int:
        """How many episodes are stored: the cursor that a checkpoint keeps."""
        return self._index.head.count

    def extent(self) -> tuple[int, str]:
        """`count` and `root` of one moment, whoever else writes."""
        head = self._index.head
        return head.count, head.root

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
        """Release the files or the connection; what was appended is on disk already."""
        self.parts.close()

    def _write(self, kind: Kind, lines: Sequence[bytes]) -> Frame:
        head = self._index.head
        header = Header(kind, head.frames + 1, head.count, head.root)
        return self.parts.append(header.sequence, pack_frame(header, lines))

    def _decoded(self, entries: Iterable[Entry]) -> Iterator[tuple[str, Episode | DamagedEpisode]]:
        return ((entry.row.id, self._decode(entry)) for entry in entries)

    def _decode(self, entry: Entry) -> Episode | DamagedEpisode:
        try:
            try:
                return decode(self._lines(entry)[entry.line], entry.row.hash)
            except FileNotFoundError:  # compacted since the index was read?
                entry = next(self._index.lookup([entry.row.id]), entry)
                return decode(self._lines(entry)[entry.line], entry.row.hash)
        except (ConnectionError, TimeoutError):  # of a server that is not there, nothing is damaged
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
            return DamagedEpisode(entry.row.id, self._frames.where(entry.frame), str(error))

    def _lines(self, entry: Entry) -> list[bytes]:
        if self._last[0] != entry.frame:
            found = frame_at(entry.frame.segment, self._frames.read(entry.frame))
            self._last = (entry.frame, list(found.lines))
        return self._last[1]

    def _require_append(self) -> None:
        if self.mode != "a":
            raise PermissionError(f"{self.path} is open for reading; open it with mode='a' to append")


def reindex(path: str | os.PathLike[str] | Server) -> Rebuilt:
    """Build a store's index anew from its segments. Raises FileNotFoundError, StoreVersionError, TimeoutError."""
    folder = require_folder(path, "only a store in a folder has an index to build")
    if not (folder / "segments").is_dir():
        raise no_store(folder)
    if marker_of(folder) is None:
        write_marker(folder)
    require_version(folder)
    lock = lock_store(folder, fcntl.LOCK_EX)
    try:
        return rebuild(folder)
    finally:
        os.close(lock)


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
