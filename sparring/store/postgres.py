"""A connection to a PostgreSQL database as the store wants it: durable, bounded in time, and errors of ours.

Import it where a store is on a server only: it needs psycopg, the extra "postgres".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from sparring.store.database import Row, T
from sparring.store.location import Server
from sparring.store.rows import DamagedStore
from sparring.store.schema import LOCK_SECONDS

DEFAULTS = {
    "connect_timeout": 10,
    "application_name": "sparring",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Of a connection, unless the URL says otherwise: one that a network has dropped is noticed within a minute."""
ANSWER_SECONDS = 90.0
"""For a server to answer anything; longer than it may wait for another writer."""
AWAY_SECONDS = 30.0
"""For a server that was there to come back."""
TRIES, PAUSE_SECONDS = 4, 0.2
STREAMED = 500
"""Rows that a stream fetches at a time."""
SETTINGS = """SELECT set_config('search_path', %s, false), set_config('lock_timeout', %s, false),
set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
ELSE current_setting('synchronous_commit') END, false),
current_setting('fsync'), current_setting('transaction_read_only')"""
DAMAGED = (errors.DataCorrupted, errors.IndexCorrupted, errors.UndefinedTable, errors.UndefinedColumn)
RV = TypeVar("RV")


class ServerGone(ConnectionError):
    """The server ended the connection, or cannot be reached."""


class Connection(psycopg.Connection[Row]):
    """A connection whose every wait has an end."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for what was asked; `timeout`, seconds. Raises OperationalError, and stays busy, where nothing comes."""
        return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)


class PostgresDatabase:
    """A `Database` in a schema of a server."""

    def __init__(self, server: Server, mode: str) -> None:
        """Raises ServerGone, PermissionError where nothing may be written and `mode` is "a", OSError, ValueError."""
        self.server, self._mode = server, mode
        self._is_in_transaction = False
        self._connection = self._connect()

    def execute(self, query: str, values: Sequence[object] = ()) -> None:
        """Run a statement that gives nothing back; inside a transaction."""
        self._ask(query, values)

    def execute_many(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row; inside a transaction."""
        if rows := list(rows):
            with self._faults():
                self._connection.cursor().executemany(_said(query), rows)

    def first(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """The first row of an answer; None where there is none."""
        return self._read(lambda: self._ask(query, values).fetchone())

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of an answer that is short."""
        return self._read(lambda: self._ask(query, values).fetchall())

    def stream(self, query: str) -> Iterator[Row]:
        """The rows of an answer of any length; inside `one_moment`."""
        with self._faults(), self._connection.cursor("stream") as cursor:
            cursor.itersize = STREAMED
            cursor.execute(_said(query))
            yield from cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One writer at a time, wherever the others are; commits durably at the end, or rolls everything back."""
        with self._whole("BEGIN"):
            self._ask("SELECT count FROM head FOR UPDATE")
            yield

    @contextmanager
    def making(self, name: str) -> Iterator[None]:
        """One process makes the tables of that name, the others wait; all of them, or none."""
        with self._whole("BEGIN"):
            self._ask("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (f"sparring {name}",))
            yield

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever others write meanwhile."""
        if self._is_in_transaction:
            yield
            return
        with self._whole("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def lasting(self, write: Callable[[], T]) -> T:
        """What `write` gives. Where the server goes away meanwhile, it is waited for and `write` is done again."""
        for _ in range(TRIES - 1):
            with suppress(ServerGone):
                return write()
            self._reconnect()
        return write()

    def check_pages(self) -> None:
        """PostgreSQL checks its pages itself where they are read, if it was set up with data checksums."""

    def damaged(self, reason: str) -> DamagedStore:
        """The error for this index."""
        return DamagedStore(
            f"the store {self.server} is damaged: {reason}; `sparring store copy` takes a good copy back"
        )

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()

    def _ask(self, query: str, values: Sequence[object] = ()) -> psycopg.Cursor[Row]:
        with self._faults():
            return self._connection.execute(_said(query), values or None)

    def _read(self, read: Callable[[], T]) -> T:
        """What is read; outside a transaction once more where the server was away."""
        return read() if self._is_in_transaction else self.lasting(read)

    @contextmanager
    def _whole(self, begin: str) -> Iterator[None]:
        self._is_in_transaction = True
        try:
            self._ask(begin)
            with self._faults():
                yield
            self._ask("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                if not self._connection.closed:
                    self._connection.execute(b"ROLLBACK")
            raise
        finally:
            self._is_in_transaction = False

    def _connect(self) -> Connection:
        given = psycopg.conninfo.conninfo_to_dict(self._dsn())
        try:
            connection = Connection.connect(
                **DEFAULTS | given,  # type: ignore[arg-type]
                autocommit=True,
                client_encoding="utf8",
            )
        except (psycopg.Error, OSError) as error:
            raise ServerGone(f"the server of {self.server} cannot be used: {in_one_line(error)}") from error
        self._connection = connection
        try:
            self._set_up()
        except BaseException:
            connection.close()
            raise
        return connection

    def _dsn(self) -> str:
        try:
            psycopg.conninfo.conninfo_to_dict(self.server.dsn)
        except psycopg.ProgrammingError as error:
            said = in_one_line(error)
            if self.server.tells(said):
                said = "in a name or password, blanks, %, @ and / are written %20, %25, %40, %2F"
            raise ValueError(f"{self.server} is no address of a database: {said}") from error
        return self.server.dsn

    def _set_up(self) -> None:
        values = (self.server.name, f"{LOCK_SECONDS:g}s")
        with self._faults():
            row = self._connection.execute(SETTINGS.encode(), values).fetchone()
        if row is None or self._mode == "r":
            return
        if row[4] == "on":
            raise PermissionError(f"{self.server} cannot be written: the database is read-only")
        if row[3] == "off":
            raise OSError(f"{self.server} cannot be written: the server runs with fsync=off, so it could lose episodes")

    def _reconnect(self) -> None:
        """Raises ConnectionError where the server does not come back in time."""
        self.close()
        end = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                self._connection = self._connect()
                return
            except ServerGone as error:
                if time.monotonic() > end:
                    raise ConnectionError(str(error)) from error  # whoever repeats its work need not wait once more
                time.sleep(PAUSE_SECONDS)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn PostgreSQL's errors into ours."""
        try:
            yield
        except psycopg.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: psycopg.Error) -> Exception:
        if self._connection.info.transaction_status == TransactionStatus.ACTIVE:  # the wait ended before it
            self._connection.close()
            return TimeoutError(f"the server of {self.server} did not answer for {ANSWER_SECONDS:g} s")
        if self._connection.closed:
            return ServerGone(f"the server of {self.server} went away: {in_one_line(error)}")
        if isinstance(error, DAMAGED):
            return self.damaged(in_one_line(error))
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return PermissionError(f"{self.server} cannot be written: {in_one_line(error)}")
        if isinstance(error, errors.InsufficientPrivilege):
            return PermissionError(f"{self.server}: {in_one_line(error)}")
        if isinstance(error, errors.LockNotAvailable):
            return TimeoutError(f"{self.server} was locked by another writer for {LOCK_SECONDS:g} s")
        return OSError(f"{self.server}: {in_one_line(error)}")


def in_one_line(error: BaseException) -> str:
    """What a server says, without the statement that it says it of."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__


def _said(query: str) -> bytes:
    return query.replace("?", "%s").encode()
