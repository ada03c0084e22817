"""The tables of a store on a PostgreSQL server: how they are made, and the frames and blobs in them.

A frame is a row that holds the very bytes that a segment file would: so a copy keeps every hash.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparring.content import Blob
from sparring.store.blobs import packed, unpacked
from sparring.store.location import Server
from sparring.store.marker import FORMAT, VERSION, StoreVersionError
from sparring.store.postgres import PostgresDatabase
from sparring.store.schema import EMPTY_ROOT
from sparring.store.segments import Frame

PLACE = "frames"
"""What the index calls the segment of every frame."""
TABLES = (
    "CREATE TABLE marker (format text, version integer)",
    f"INSERT INTO marker VALUES ('{FORMAT}', {VERSION})",
    "CREATE TABLE episodes (position bigint PRIMARY KEY, id text NOT NULL, env_id text, status text, grp text, "
    'task text, hash text, root text, summary text, segment text, "offset" bigint, length bigint, line bigint, '
    "checksum bigint, EXCLUDE USING hash (id WITH =))",  # hash: an id may be longer than a B-tree takes
    "CREATE INDEX ON episodes (env_id)",
    "CREATE INDEX ON episodes (grp)",
    'CREATE INDEX ON episodes ("offset")',
    'CREATE TABLE frames (sequence bigint PRIMARY KEY, segment text, "offset" bigint, length bigint, checksum bigint)',
    "CREATE TABLE parents (position bigint, child text, relation text, parent text, checksum bigint, "
    "rowid bigserial PRIMARY KEY)",
    "CREATE INDEX ON parents USING hash (parent)",
    "CREATE TABLE head (count bigint, root text, frames bigint)",
    f"INSERT INTO head VALUES (0, '{EMPTY_ROOT}', 0)",
    "CREATE TABLE columns (method text, name text, trajectory text, value text, checksum bigint, "
    "rowid bigserial PRIMARY KEY)",
    "CREATE INDEX ON columns USING hash (trajectory)",
    "CREATE TABLE segments (sequence bigint PRIMARY KEY, data bytea NOT NULL)",
    "ALTER TABLE segments ALTER data SET STORAGE EXTERNAL",  # it is compressed already
    "CREATE TABLE blobs (sha256 text PRIMARY KEY, data bytea NOT NULL)",
    "ALTER TABLE blobs ALTER data SET STORAGE EXTERNAL",
)


def create_tables(db: PostgresDatabase) -> None:
    """Make an empty store unless one is there. Raises FileExistsError where the schema holds something else."""
    if "marker" in _tables(db):
        return
    name = db.server.name
    with db.making(name):
        there = _tables(db)
        if "marker" in there:
            return
        if there:
            raise FileExistsError(f"{db.server} holds something else and no episode store: name another, ?store=NAME")
        if not db.first("SELECT 1 FROM pg_namespace WHERE nspname = ?", (name,)):
            db.execute(f'CREATE SCHEMA "{name}"')
        for statement in TABLES:
            db.execute(statement)


def require_tables(db: PostgresDatabase) -> None:
    """Raises FileNotFoundError where no store is yet, StoreVersionError for one that this version does not read."""
    if "marker" not in _tables(db):
        raise FileNotFoundError(
            f"no episode store at {db.server} yet: `sparring play` and `sparring store copy` write one"
        )
    if db.first("SELECT has_schema_privilege(?, 'USAGE')", (db.server.name,)) != (True,):
        raise PermissionError(f"{db.server}: permission denied for schema {db.server.name}")
    found = db.rows("SELECT format, version FROM marker")
    if found != [(FORMAT, VERSION)]:
        raise StoreVersionError(f"{db.server} holds {found}; this Sparring reads only {FORMAT} version {VERSION}")


def _tables(db: PostgresDatabase) -> set[str]:
    """Of the schema, and whatever else stands there; asked of the catalog, whose answer is never an old one."""
    query = "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = ?"
    return {str(row[0]) for row in db.rows(query, (db.server.name,))}


class FrameTable:
    """Frames as rows of a table: `Frames`. What a transaction does not commit was never there."""

    def __init__(self, db: PostgresDatabase) -> None:
        self._db = db

    def append(self, sequence: int, blob: bytes) -> Frame:
        """Write a frame; inside a transaction."""
        self._db.execute("INSERT INTO segments VALUES (?, ?)", (sequence, blob))
        return Frame(PLACE, sequence, len(blob))

    def take_back(self, frame: Frame) -> None:
        """Nothing: it was rolled back."""

    def read(self, frame: Frame) -> bytes:
        """The bytes of a frame. Raises ValueError where there are none, or not all, OSError."""
        row = self._db.first("SELECT data FROM segments WHERE sequence = ?", (frame.offset,))
        if row is None or len(row[0]) != frame.length:
            raise ValueError(f"the server has {len(row[0]) if row else 0} of {frame.length} bytes of the frame")
        return bytes(row[0])

    def where(self, frame: Frame) -> str:
        """The store and the frame's number."""
        return f"{self._db.server}, frame {frame.offset}"

    def close(self) -> None:
        """Nothing: the database closes its connection."""


class BlobTable:
    """Blobs as rows of a table: `Blobs`."""

    def __init__(self, db: PostgresDatabase) -> None:
        self._db = db

    def add(self, blobs: Iterable[Blob]) -> None:
        """Write those that are not there yet; inside a transaction. Raises ValueError for one without its bytes."""
        for blob in {blob.sha256: blob for blob in blobs}.values():
            if not self.has(blob.sha256):
                self._db.execute("INSERT INTO blobs VALUES (?, ?)", (blob.sha256, packed(blob)))

    def read(self, sha256: str) -> bytes:
        """The bytes of that name. Raises KeyError, DamagedStore."""
        row = self._db.first("SELECT data FROM blobs WHERE sha256 = ?", (sha256,))
        if row is None:
            raise KeyError(f"no blob {sha256} in {self._db.server}")
        return unpacked(bytes(row[0]), sha256, f"{sha256} in {self._db.server}")

    def has(self, sha256: str) -> bool:
        """Whether there are bytes of that name."""
        return self._db.first("SELECT 1 FROM blobs WHERE sha256 = ?", (sha256,)) is not None


def open_tables(server: Server, mode: str) -> PostgresDatabase:
    """A connection to a store, which mode "a" makes where there is none. Raises as `Store` does."""
    db = PostgresDatabase(server, mode)
    try:
        if mode == "a":
            create_tables(db)
        require_tables(db)
    except BaseException:
        db.close()
        raise
    return db
