"""The tables of the index, and how a row is made, checked and read.

Text is kept as the inside of its JSON string, so that any Python string (lone surrogates included) has one ASCII form.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.content import canonical_json
from sparring.store.rows import EpisodeRow, Record, Summary
from sparring.store.segments import Frame
from sparring.types import record

LOCK_SECONDS = 60.0
FOLD_PAGES = 256
"""The write-ahead log is folded into the index when it has grown to this many pages (of 4 KiB)."""
SUMMARIES = json.JSONDecoder()
EMPTY_ROOT = hashlib.sha256(b"sparring").hexdigest()
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS episodes (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, env_id TEXT, status TEXT, grp TEXT, task TEXT,
    hash TEXT, root TEXT, summary TEXT, segment TEXT, offset INTEGER, length INTEGER, line INTEGER,
    checksum INTEGER);
CREATE INDEX IF NOT EXISTS by_env ON episodes (env_id);
CREATE INDEX IF NOT EXISTS by_group ON episodes (grp);
CREATE INDEX IF NOT EXISTS by_segment ON episodes (segment, offset);
CREATE TABLE IF NOT EXISTS frames (
    sequence INTEGER PRIMARY KEY, segment TEXT, offset INTEGER, length INTEGER, checksum INTEGER);
CREATE INDEX IF NOT EXISTS frames_by_segment ON frames (segment, offset);
CREATE TABLE IF NOT EXISTS parents (
    position INTEGER, child TEXT, relation TEXT, parent TEXT, checksum INTEGER);
CREATE INDEX IF NOT EXISTS by_parent ON parents (parent, relation);
CREATE INDEX IF NOT EXISTS by_relation ON parents (relation);
CREATE TABLE IF NOT EXISTS head (count INTEGER, root TEXT, frames INTEGER);
INSERT INTO head SELECT 0, '{EMPTY_ROOT}', 0 WHERE NOT EXISTS (SELECT 1 FROM head);
CREATE TABLE IF NOT EXISTS columns (
    method TEXT, name TEXT, trajectory TEXT, value TEXT, checksum INTEGER, UNIQUE (method, name, trajectory));
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a store has grown: episodes, their rolling root, and committed frames."""

    count: int
    root: str
    frames: int


@record
class Entry:
    """An index row and where its episode lies: the line-th line of the frame."""

    row: EpisodeRow
    root: str
    frame: Frame
    line: int


def create(path: Path) -> None:
    """Make an empty index, whole and folded on disk, unless there is one. Raises OSError where the disk refuses."""
    try:
        _create(path)
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be made: {link_to_nothing(path) or error}") from error


def _create(path: Path) -> None:
    db = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection to an index that exists, in autocommit mode; reading also works where nothing may be written."""
    if mode == "a":
        db = _open(path, "mode=rw")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {FOLD_PAGES}")
        return db
    try:
        return _open(path, "mode=ro")
    except sqlite3.OperationalError:
        if path.with_name(path.name + "-wal").exists():
            raise
        return _open(path, "mode=ro&immutable=1")


def row_values(position: int, record: Record, root: str, frame: Frame, line: int) -> tuple[object, ...]:
    """What the episodes table holds of a record, its checksum last."""
    episode = record.episode
    values = (
        position,
        *map(plain, (episode.id, episode.env_id, episode.status, episode.group, episode.task)),
        record.hash,
        root,
        canonical_json(record.summary),
        frame.segment,
        frame.offset,
        frame.length,
        line,
    )
    return (*values, checksum(values))


def link_values(position: int, record: Record) -> list[tuple[object, ...]]:
    """What the parents table holds of a record, one row a parent, the checksum last."""
    rows = [
        (position, *map(plain, (trajectory.id, relation, parent)))
        for trajectory in record.episode.trajectories.values()
        for relation, parent in trajectory.parents
    ]
    return [(*row, checksum(row)) for row in rows]


def episode_row(values: Sequence[Any]) -> EpisodeRow:
    """The inverse of `row_values`, without where the episode lies."""
    position, id, env_id, status, group, task, hash, _, summary, *_ = values
    said: Summary = SUMMARIES.raw_decode(summary)[0]
    if parents := said["parents"]:
        said["parents"] = {seat: tuple((relation, parent) for relation, parent in of) for seat, of in parents.items()}
    return EpisodeRow(  # by position: names would take as long as all the rest
        position,
        str(text(id)),
        str(text(env_id)),
        str(text(status)),
        text(group),
        text(task),
        said["seed"],
        hash,
        said["agents"],
        said["trainable"],
        said["rewards"],
        said["payoffs"],
        said["turns"],
        said["illegal"],
        said["tokens"],
        said["sample"],
        said["fault"],
        said["parents"],
        said["env_kwargs"],
        said["line"],
    )


def entry(values: Sequence[Any]) -> Entry:
    """The inverse of `row_values`."""
    root, segment, offset, length, line = values[7], *values[9:13]
    return Entry(episode_row(values), root, Frame(segment, offset, length), line)


def next_root(root: str, episode_hash: str) -> str:
    """The rolling root: SHA-256 over the root so far and the next episode's hash, both in hex."""
    return hashlib.sha256(f"{root}{episode_hash}".encode()).hexdigest()


def checksum(values: Sequence[object]) -> int:
    """CRC-32 over all values of a row: finds damage, not forgery."""
    return zlib.crc32(repr(tuple(values)).encode())


def plain(value: str | None) -> str | None:
    """The ASCII form of a text, as it stands inside a JSON string."""
    return None if value is None else canonical_json(value)[1:-1]


def text(value: str | None) -> str | None:
    """The inverse of `plain`."""
    return str(json.loads(f'"{value}"')) if value and "\\" in value else value


def _open(path: Path, parameters: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{parameters}"
    # In a notebook `play_missing` writes from a thread, while the thread that opened the store waits for it.
    db = sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("SELECT 1 FROM head").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def link_to_nothing(path: Path) -> str:
    """What SQLite does not say: a file that it wants to make beside the index is there, as a link to nothing."""
    for beside in (path.with_name(f"{path.name}-shm"), path.with_name(f"{path.name}-wal")):
        if beside.is_symlink() and not beside.exists():
            return f"{beside.name} beside it is a link to {os.readlink(beside)}, where nothing is; remove the link"
    return ""
