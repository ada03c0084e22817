"""The SQLite side of a store: one row per episode, and the columns that methods attach to trajectories.

Every row carries a checksum over all its values and the rolling root up to it. Opening checks all of them, so that a
flipped bit is found before the first answer and not hidden in it.
"""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sparring.scoreboard.records import DamagedStore, Record
from sparring.scoreboard.schema import (
    EMPTY_ROOT,
    LOCK_SECONDS,
    Entry,
    Head,
    checksum,
    connect,
    entry,
    link_to_nothing,
    next_root,
    plain,
    row_values,
    text,
)
from sparring.scoreboard.segments import Frame

CHUNK = 500
CANNOT_WRITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


Column = tuple[str, str, str, str]
"""Method, name, trajectory id and value, as they are stored."""


def damaged_index(path: Path, reason: str) -> DamagedStore:
    """The error for an index that is not what was written, with the way out."""
    return DamagedStore(
        f"the index {path} is damaged: {reason}; `sparring store reindex {shlex.quote(str(path.parent))}` "
        "rebuilds it from the segments"
    )


class Index:
    """Rows in append order. Raises DamagedStore for damage and OSError where the disk refuses."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        if not path.exists():
            raise self._damaged("it is missing")
        with self._faults():
            self._db = connect(path, mode)
        try:
            self._check()
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer at a time; commits durably at the end, or rolls everything back."""
        with self._faults():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @property
    def head(self) -> Head:
        """How far the store has grown."""
        with self._faults():
            row = self._db.execute("SELECT count, root, frames FROM head").fetchone()
        if row is None:
            raise self._damaged("its head is missing")
        return Head(*row)

    def add(self, records: Sequence[Record], frame: Frame) -> None:
        """Index a batch of episodes that lies in `frame`; inside a transaction."""
        head = self.head
        count, root = head.count, head.root
        rows = []
        for line, record in enumerate(records):
            count, root = count + 1, next_root(root, record.hash)
            rows.append(row_values(count, record, root, frame, line))
        self._db.executemany("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        self._commit_frame(frame, Head(count, root, head.frames + 1))

    def add_columns(self, rows: Iterable[Column], frame: Frame) -> None:
        """Index columns that lie in `frame`; inside a transaction."""
        self._db.executemany("INSERT INTO columns VALUES (?,?,?,?,?)", [(*row, checksum(row)) for row in rows])
        head = self.head
        self._commit_frame(frame, Head(head.count, head.root, head.frames + 1))

    def skip_to(self, sequence: int) -> None:
        """Note that the frames before this number are lost; inside a transaction."""
        while (head := self.head).frames < sequence - 1:
            self._commit_frame(Frame("", 0, 0), Head(head.count, head.root, head.frames + 1))

    def lookup(self, ids: Iterable[str]) -> Iterator[Entry]:
        """The entries of those ids that are stored, in no order."""
        wanted = [plain(id) for id in ids]
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            yield from self._entries(f"WHERE id IN ({','.join('?' * len(part))})", part)

    def select(self, agent: str | None = None, limit: int | None = None, **equal: str | None) -> Iterator[Entry]:
        """Entries in append order; `agent` sits at any seat, `equal` are columns that must match where not None."""
        found = self._stream({name: plain(value) for name, value in equal.items() if value is not None})
        if agent is not None:
            found = (item for item in found if agent in item.row.agents.values())
        return islice(found, limit)

    def committed_end(self, segment: str) -> int:
        """The first byte of a segment that lies behind all its committed frames."""
        with self._faults():
            query = "SELECT max(offset + length) FROM frames WHERE segment = ?"
            return int(self._db.execute(query, (segment,)).fetchone()[0] or 0)

    def lost_frames(self) -> int:
        """How many frames were found damaged or missing when the index was built from the segments."""
        with self._faults():
            return int(self._db.execute("SELECT count(*) FROM frames WHERE length = 0").fetchone()[0])

    def column_frames(self) -> list[Frame]:
        """The frames that hold columns and no episodes."""
        with self._faults():
            query = (
                "SELECT segment, offset, length FROM frames WHERE length > 0 AND NOT EXISTS (SELECT 1 FROM episodes e "
                "WHERE e.segment = frames.segment AND e.offset = frames.offset) ORDER BY sequence"
            )
            return [Frame(*row) for row in self._db.execute(query)]

    def new_columns(self, method: str, name: str, values: Mapping[str, float]) -> list[Column]:
        """The rows that are not stored yet. Raises ValueError where another value is."""
        new = {trajectory: repr(float(value)) for trajectory, value in values.items()}
        known = {key: repr(value) for key, value in self._columns_of(method, name, new)}
        for trajectory, was in known.items():
            if was != new[trajectory]:
                got = new[trajectory]
                raise ValueError(f"column {method}/{name} of {trajectory!r} is stored as {was}, got {got}")
        return [(str(plain(method)), str(plain(name)), str(plain(key)), new[key]) for key in new if key not in known]

    def columns(self, method: str, name: str) -> dict[str, float]:
        """trajectory id -> value."""
        return dict(self._columns("ORDER BY rowid", [plain(method), plain(name)]))

    def close(self) -> None:
        """Close the connection; the last one folds the write-ahead log into the file."""
        with self._faults():
            self._db.close()

    def _check(self) -> None:
        """Every row, the order, the count and the root must hold."""
        with self._faults():
            problem = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":
                raise self._damaged(problem)
            self._db.execute("BEGIN")
            try:
                self._check_roots()
                for row in self._db.execute("SELECT * FROM columns"):
                    self._require_checksum(row)
            finally:
                self._db.execute("COMMIT")

    def _check_frames(self) -> int:
        """How many frames the index knows; raises DamagedStore unless their numbers have no gap."""
        last = 0
        for row in self._db.execute("SELECT * FROM frames ORDER BY sequence"):
            self._require_checksum(row)
            if row[0] != last + 1:
                raise self._damaged(f"frame {last + 1} is missing")
            last = row[0]
        return last

    def _check_roots(self) -> None:
        frames = self._check_frames()
        count, root = 0, EMPTY_ROOT
        for row in self._db.execute("SELECT * FROM episodes ORDER BY position"):
            self._require_checksum(row)
            count, root = count + 1, next_root(root, row[6])
            if (row[0], row[7]) != (count, root):
                raise self._damaged(f"row {row[0]} does not follow from the rows before it")
        if self.head != Head(count, root, frames):
            raise self._damaged(f"{count} episodes in {frames} frames do not match its {self.head}")

    def _commit_frame(self, frame: Frame, head: Head) -> None:
        row = (head.frames, frame.segment, frame.offset, frame.length)
        self._db.execute("INSERT INTO frames VALUES (?,?,?,?,?)", (*row, checksum(row)))
        self._db.execute("UPDATE head SET count = ?, root = ?, frames = ?", (head.count, head.root, head.frames))

    def _stream(self, equal: Mapping[str, str | None]) -> Iterator[Entry]:
        where = " AND ".join(["position > ?", *(f"{name} = ?" for name in equal)])
        last = 0
        while chunk := list(self._entries(f"WHERE {where} ORDER BY position LIMIT {CHUNK}", [last, *equal.values()])):
            yield from chunk
            last = chunk[-1].row.position

    def _entries(self, where: str, values: Sequence[Any]) -> Iterator[Entry]:
        with self._faults():
            rows = self._db.execute(f"SELECT * FROM episodes {where}", values).fetchall()
        for row in rows:
            self._require_checksum(row)
            yield entry(row)

    def _columns_of(self, method: str, name: str, trajectories: Iterable[str]) -> Iterator[tuple[str, float]]:
        wanted = [plain(trajectory) for trajectory in trajectories]
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            places = ",".join("?" * len(part))
            yield from self._columns(f"AND trajectory IN ({places})", [plain(method), plain(name), *part])

    def _columns(self, where: str, values: Sequence[Any]) -> Iterator[tuple[str, float]]:
        with self._faults():
            rows = self._db.execute(f"SELECT * FROM columns WHERE method = ? AND name = ? {where}", values).fetchall()
        for row in rows:
            self._require_checksum(row)
            yield str(text(row[2])), float(row[3])

    def _require_checksum(self, row: Sequence[Any]) -> None:
        if checksum(row[:-1]) != row[-1]:
            raise self._damaged(f"the checksum of the row {row[:3]} does not hold")

    def _damaged(self, reason: str) -> DamagedStore:
        return damaged_index(self.path, reason)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in CANNOT_WRITE:
                raise OSError(f"{self.path}: {link_to_nothing(self.path) or error}") from error
            if code in BUSY:
                raise TimeoutError(f"{self.path} was locked by another process for {LOCK_SECONDS:g} s") from error
            raise self._damaged(str(error)) from error
