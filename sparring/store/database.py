"""The index's SQLite file as the store wants it: whole transactions, rows whose checksums hold, and errors of ours."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparring.store.rows import DamagedStore
from sparring.store.schema import LOCK_SECONDS, checksum, connect, link_to_nothing

CANNOT_WRITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
Row = tuple[Any, ...]
"""What SQLite gives: numbers, texts, None."""


def damaged_index(path: Path, reason: str) -> DamagedStore:
    """The error for an index that is not what was written, with the way out."""
    return DamagedStore(
        f"the index {path} is damaged: {reason}; `sparring store reindex {shlex.quote(str(path.parent))}` "
        "rebuilds it from the segments"
    )


class Database:
    """A connection to an index. Raises DamagedStore for damage, OSError where the disk refuses, TimeoutError."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        if not path.exists():
            raise self.damaged("it is missing")
        with self.faults():
            self._connection = connect(path, mode)

    def execute(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a statement, and leave SQLite's errors as they are: for use inside `faults` and `transaction`."""
        return self._connection.execute(query, values)

    def execute_many(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row; inside a transaction."""
        self._connection.executemany(query, rows)

    def first(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """The first row of an answer, its checksum unchecked; None where there is none."""
        with self.faults():
            row: Row | None = self.execute(query, values).fetchone()
        return row

    def sound_rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """All rows of an answer, whose last column is the checksum; each is checked as it comes."""
        with self.faults():
            rows = self.execute(query, values).fetchall()
        for row in rows:
            self.require_checksum(row)
            yield row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer at a time; commits durably at the end, or rolls everything back."""
        with self.faults():
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.execute("ROLLBACK")
                raise

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever others write meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.execute("COMMIT")

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in CANNOT_WRITE:
                raise OSError(f"{self.path}: {link_to_nothing(self.path) or error}") from error
            if code in BUSY:
                raise TimeoutError(f"{self.path} was locked by another process for {LOCK_SECONDS:g} s") from error
            raise self.damaged(str(error)) from error

    def require_checksum(self, row: Row) -> None:
        """Raises DamagedStore for a row that is not what was written."""
        if checksum(row[:-1]) != row[-1]:
            raise self.damaged(f"the checksum of the row {row[:3]} does not hold")

    def damaged(self, reason: str) -> DamagedStore:
        """The error for this index."""
        return damaged_index(self.path, reason)

    def close(self) -> None:
        """Close the connection; the last one folds the write-ahead log into the file."""
        with self.faults():
            self._connection.close()
