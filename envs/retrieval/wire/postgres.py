"""A retriever in a PostgreSQL server (the extra "postgres"), for those who have one: its full-text search.

The words are ours. `ts_rank` counts how often they occur and not how rare they are, so it ranks worse than BM25. What
a server holds may change, so the fingerprint is not pinned.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import Any

from sparring.envs.retrieval.bm25 import require_k
from sparring.envs.retrieval.cache import UNPINNED
from sparring.envs.retrieval.corpus import line_of, passage_of
from sparring.envs.retrieval.types import Hit, Passage, RetrieverFailed
from sparring.envs.retrieval.words import words_of, words_of_query
from sparring.registry import require

LONGEST_WORD = 500
"""Characters of a word that are kept: the server refuses more than 2,046 bytes."""
MOST_WORDS = 16_000
"""Of a passage that are indexed: positions in a `tsvector` end there."""


class Postgres:
    """A `Retriever` over a table of a server; threads may share it.

    dsn: `postgresql://user@host/database`, or key=value pairs; table: its name, which `load` makes; timeout: seconds
    for a connection, and for all queries of a search.
    """

    def __init__(self, dsn: str, table: str = "passages", timeout: float = 30.0) -> None:
        if not timeout > 0:
            raise ValueError(f"timeout must be > 0 seconds, got {timeout}")
        if not table or "\0" in table:
            raise ValueError(f"table must be a name, got {table!r}")
        self._psycopg = require("psycopg", "postgres")
        self._dsn, self._table, self._timeout = dsn, table, timeout
        self._name = self._psycopg.sql.Identifier(table)
        self._connection: Any = None
        self._lock = Lock()
        self.fingerprint = f"{UNPINNED} {self._described()}"

    def load(self, passages: Iterable[Passage]) -> int:
        """Make the table and fill it, all or nothing; how many passages it holds then. Raises RetrieverFailed."""
        count = 0
        with self._connected() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute(self._said("CREATE TABLE {} (id bytea PRIMARY KEY, line bytea NOT NULL, words tsvector)"))
            with cursor.copy(self._said("COPY {} (id, line, words) FROM STDIN")) as copy:
                for passage in passages:
                    copy.write_row((_key(passage), line_of(passage), _vector(passage)))
                    count += 1
            cursor.execute(self._said("CREATE INDEX ON {} USING gin (words)"))
        return count

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the server finds. Raises ValueError for k < 1, and RetrieverFailed."""
        require_k(k)
        with self._connected() as connection, _cut_after(self._timeout, connection), connection.cursor() as cursor:
            return [self._find(cursor, words_of_query(query), k) for query in queries]

    def _find(self, cursor: Any, words: Sequence[str], k: int) -> list[Hit]:
        if not words:
            return []
        statement = self._said(
            "SELECT line, ts_rank(words, %(asked)s::tsquery, 1) AS score FROM {} "
            "WHERE words @@ %(asked)s::tsquery ORDER BY score DESC, id LIMIT %(k)s"
        )
        asked = " | ".join(f"'{word}'" for word in sorted({word[:LONGEST_WORD] for word in words}))
        cursor.execute(statement, {"asked": asked, "k": k})
        return [Hit(passage_of(bytes(line)), float(score)) for line, score in cursor if score > 0]

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """The connection, made anew after a fault; whatever goes wrong there is RetrieverFailed."""
        with self._lock:
            try:
                if self._connection is None:
                    options = f"-c statement_timeout={int(self._timeout * 1000)}"
                    seconds = max(1, round(self._timeout))
                    self._connection = self._psycopg.connect(
                        self._dsn, autocommit=True, connect_timeout=seconds, options=options
                    )
                yield self._connection
            except (self._psycopg.Error, OSError) as error:
                self._close()
                reason = " ".join(str(error).split())
                raise RetrieverFailed(f"the database {self._described()} failed: {reason}") from error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _said(self, statement: str) -> Any:
        return self._psycopg.sql.SQL(statement).format(self._name)

    def _described(self) -> str:
        """Host, database and table, without a password."""
        try:
            parts = self._psycopg.conninfo.conninfo_to_dict(self._dsn)
        except self._psycopg.ProgrammingError as error:
            raise ValueError(
                "the address of a database must be postgresql://USER@HOST/DATABASE or KEY=VALUE pairs, got neither"
            ) from error
        return f"{parts.get('host', 'localhost')}/{parts.get('dbname', '')}.{self._table}"


@contextmanager
def _cut_after(seconds: float, connection: Any) -> Iterator[None]:
    """End the wait for a server that is there and says nothing."""
    watchdog = Timer(seconds, _cut, [connection.fileno()])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _cut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
        end.shutdown(socket.SHUT_RDWR)


def _key(passage: Passage) -> bytes:
    """Sorts as ids do in Python: by code points."""
    return passage.id.encode("utf-8", "surrogatepass")


def _vector(passage: Passage) -> str:
    """Our words with their positions, as a `tsvector` is written."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words_of(passage.contents)[:MOST_WORDS], 1):
        places.setdefault(word[:LONGEST_WORD], []).append(place)
    return " ".join(f"'{word}':{','.join(map(str, at[:255]))}" for word, at in places.items())
