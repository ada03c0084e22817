"""The index's SQLite file as the store wants it: whole transactions, and errors of ours."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sparring.store.database import Row, T
from sparring.store.rows import DamagedStore
from sparring.store.schema import LOCK_SECONDS, connect, link_to_nothing

CANNOT_WRITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteDatabase:
    """A connection to an index file: a `Database`."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        if not path.exists():
            raise self.damaged("it is missing")
        with self._faults():
            self._connection = connect(path, mode)

    def execute(self, query: str, values: Sequence[object] = ()) -> None:
        """Run a statement that gives nothing back; inside a transaction."""
        self._connection.execute(query, values)

    def execute_many(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row; inside a transaction."""
        self._connection.executemany(query, rows)

    def first(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """The first row of an answer; None where there is none."""
        with self._faults():
            row: Row | None = self._connection.execute(query, values).fetchone()
        return row

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of an answer that is short."""
        with self._faults():
            return self._connection.execute(query, values).fetchall()

    def stream(self, query: str) -> Iterator[Row]:
        """The rows of an answer of any length; inside `one_moment`."""
        return self._connection.execute(query)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer at a time; commits durably at the end, or rolls everything back."""
        with self._faults():
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
        with self._faults():
            if self._connection.in_transaction:
                yield
                return
            self.execute("BEGIN")
            try:
                yield
            finally:
                self.execute("COMMIT")

    def lasting(self, write: Callable[[], T]) -> T:
        """What `write` gives: a file does not go away for a while."""
        return write()

    def check_pages(self) -> None:
        """SQLite's own check. Raises DamagedStore."""
        problem = self.first("PRAGMA integrity_check(1)")
        if problem != ("ok",):
            raise self.damaged(str(problem[0] if problem else problem))

    def damaged(self, reason: str) -> DamagedStore:
        """The error for this index."""
        store = shlex.quote(str(self.path.parent))
        return DamagedStore(f"the index {self.path} is damaged: {reason}; `sparring store reindex {store}` rebuilds it")

    def close(self) -> None:
        """Close the connection; the last one folds the write-ahead log into the file."""
        with self._faults():
            self._connection.close()

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
            raise self.damaged(str(error)) from error
