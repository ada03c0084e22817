"""What the index asks of the database that it is in; SQLite and PostgreSQL give it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from sparring.store.rows import DamagedStore
from sparring.store.schema import checksum

Row = tuple[Any, ...]
"""What a database gives: numbers, texts, None."""
T = TypeVar("T")


class Database(Protocol):
    """A connection. Raises DamagedStore for damage, OSError where a disk or server refuses, TimeoutError.

    Queries write `?` for a value.
    """

    def execute(self, query: str, values: Sequence[object] = ()) -> None:
        """Run a statement that gives nothing back; inside a transaction."""

    def execute_many(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once a row; inside a transaction."""

    def first(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """The first row of an answer; None where there is none."""

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of an answer that is short."""

    def stream(self, query: str) -> Iterator[Row]:
        """The rows of an answer of any length, with bounded memory; inside `one_moment`."""

    def transaction(self) -> AbstractContextManager[None]:
        """One writer at a time; commits durably at the end, or rolls everything back."""

    def one_moment(self) -> AbstractContextManager[None]:
        """All that is read inside is of one moment, whatever others write meanwhile."""

    def lasting(self, write: Callable[[], T]) -> T:
        """What `write` gives. It is done again where the server was away meanwhile, so it must be safe to repeat."""

    def check_pages(self) -> None:
        """What the database can tell of its own damage. Raises DamagedStore."""

    def damaged(self, reason: str) -> DamagedStore:
        """The error for an index that is not what was written, with the way out."""

    def close(self) -> None:
        """Close the connection."""


def sound(db: Database, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, whose last value is the checksum of the others, each checked as it comes. Raises DamagedStore."""
    for row in rows:
        if checksum(row[:-1]) != row[-1]:
            raise db.damaged(f"the checksum of the row {row[:3]} does not hold")
        yield row
