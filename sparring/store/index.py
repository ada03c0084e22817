"""The index of a store: one row per episode, and the columns that methods attach to trajectories.

Every row carries a checksum over all its values and the rolling root up to it. Opening looks at the head and the last
row, which takes the same time at any size. A walk over all rows checks each as it comes. Whatever is looked up by a key
could be missed where a bit is flipped: before the first such answer all rows are checked once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

from sparring.store.database import Database, Row, sound
from sparring.store.rows import DamagedStore, EpisodeRow, Record
from sparring.store.schema import (
    EMPTY_ROOT,
    Entry,
    Head,
    checksum,
    entry,
    episode_row,
    link_values,
    next_root,
    plain,
    row_values,
    text,
)
from sparring.store.segments import Frame

CHUNK = 500
PARENTS = "position, child, relation, parent, checksum"
COLUMNS = "method, name, trajectory, value, checksum"
Column = tuple[str, str, str, str]
"""Method, name, trajectory id and value, as they are stored."""


@dataclass(frozen=True, slots=True)
class Link:
    """One trajectory comes from another."""

    child: str
    relation: str
    parent: str


class Index:
    """Rows in append order. Raises DamagedStore for damage and OSError where the disk refuses."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_checked = False
        try:
            self._check_end()
        except BaseException:
            self._db.close()
            raise

    def transaction(self) -> AbstractContextManager[None]:
        """One writer at a time; commits durably at the end, or rolls everything back."""
        return self._db.transaction()

    def lasting(self, write: Callable[[], None]) -> None:
        """Write, and again where the server was away meanwhile: `write` must be safe to repeat."""
        self._db.lasting(write)

    def damaged(self, reason: str) -> DamagedStore:
        """The error for this index."""
        return self._db.damaged(reason)

    @property
    def head(self) -> Head:
        """How far the store has grown."""
        row = self._db.first("SELECT count, root, frames FROM head")
        if row is None:
            raise self._db.damaged("its head is missing")
        return Head(*row)

    def add(self, records: Sequence[Record], frame: Frame) -> None:
        """Index a batch of episodes that lies in `frame`; inside a transaction."""
        head = self.head
        count, root = head.count, head.root
        rows = []
        for line, record in enumerate(records):
            count, root = count + 1, next_root(root, record.hash)
            rows.append(row_values(count, record, root, frame, line))
        self._db.execute_many("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        links = [row for place, record in enumerate(records) for row in link_values(head.count + place + 1, record)]
        self._db.execute_many("INSERT INTO parents VALUES (?,?,?,?,?)", links)
        self._commit_frame(frame, Head(count, root, head.frames + 1))

    def add_columns(self, rows: Iterable[Column], frame: Frame) -> None:
        """Index columns that lie in `frame`; inside a transaction."""
        self._db.execute_many("INSERT INTO columns VALUES (?,?,?,?,?)", [(*row, checksum(row)) for row in rows])
        head = self.head
        self._commit_frame(frame, Head(head.count, head.root, head.frames + 1))

    def skip_to(self, sequence: int) -> None:
        """Note that the frames before this number are lost; inside a transaction."""
        while (head := self.head).frames < sequence - 1:
            self._commit_frame(Frame("", 0, 0), Head(head.count, head.root, head.frames + 1))

    def lookup(self, ids: Iterable[str]) -> Iterator[Entry]:
        """The entries of those ids that are stored, in no order."""
        self.check()
        wanted = [plain(id) for id in ids]
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            yield from self._entries(f"WHERE id IN ({','.join('?' * len(part))})", part)

    def at(self, positions: Iterable[int]) -> Iterator[Entry]:
        """The entries at those positions, 1 to the count, in their order. Raises DamagedStore for one that is not."""
        wanted = sorted(positions)
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            entries = list(self._entries(f"WHERE position IN ({','.join('?' * len(part))}) ORDER BY position", part))
            if [entry.row.position for entry in entries] != part:
                raise self._db.damaged(f"it has not all of the rows {part[0]} to {part[-1]}")
            yield from entries

    def select(self, agent: str | None = None, limit: int | None = None, **equal: str | None) -> Iterator[Entry]:
        """Entries in append order; `agent` sits at any seat, `equal` are columns that must match where not None."""
        entries = map(entry, self._stream(equal))
        return islice((one for one in entries if agent is None or agent in one.row.agents.values()), limit)

    def rows(self, agent: str | None = None, limit: int | None = None, **equal: str | None) -> Iterator[EpisodeRow]:
        """As `select`, without where the episodes lie."""
        rows = map(episode_row, self._stream(equal))
        return islice((row for row in rows if agent is None or agent in row.agents.values()), limit)

    def links(self, relation: str | None, parent: str | None) -> list[Link]:
        """Who comes from whom, in append order; of one relation, or from one parent, where these are given."""
        self.check()
        wanted = {"relation": plain(relation), "parent": plain(parent)}
        equal = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(["1 = 1", *(f"{name} = ?" for name in equal)])
        rows = self._db.rows(f"SELECT {PARENTS} FROM parents WHERE {where} ORDER BY rowid", [*equal.values()])
        return [Link(*(str(text(value)) for value in row[1:4])) for row in sound(self._db, rows)]

    def committed_end(self, segment: str) -> int:
        """The first byte of a segment that lies behind all its committed frames."""
        query = 'SELECT "offset" + length FROM frames WHERE segment = ? ORDER BY "offset" DESC LIMIT 1'
        row = self._db.first(query, (segment,))
        return int(row[0]) if row else 0

    def lost_frames(self) -> int:
        """How many frames were found damaged or missing when the index was built from the segments."""
        row = self._db.first("SELECT count(*) FROM frames WHERE length = 0")
        return int(row[0]) if row else 0

    def column_frames(self) -> list[Frame]:
        """The frames that hold columns and no episodes."""
        query = (
            'SELECT segment, "offset", length FROM frames WHERE length > 0 AND NOT EXISTS (SELECT 1 FROM episodes e '
            'WHERE e.segment = frames.segment AND e."offset" = frames."offset") ORDER BY sequence'
        )
        return [Frame(*row) for row in self._db.rows(query)]

    def frames(self, first: int) -> Iterator[tuple[int, Frame]]:
        """The committed frames by number, from one on; a lost frame has length 0. Raises DamagedStore."""
        query = 'SELECT sequence, segment, "offset", length, checksum FROM frames WHERE sequence >= ? ORDER BY sequence'
        while chunk := list(sound(self._db, self._db.rows(f"{query} LIMIT {CHUNK}", (first,)))):
            yield from ((row[0], Frame(*row[1:4])) for row in chunk)
            first = chunk[-1][0] + 1

    def move(self, frames: Iterable[tuple[Frame, Frame]]) -> None:
        """Note that frames lie elsewhere now, each with its old and new place; inside a transaction."""
        where = 'segment = ? AND "offset" = ?'
        for old, new in frames:
            for table, place in (("episodes", 9), ("frames", 1)):
                for row in list(self._db.rows(f"SELECT * FROM {table} WHERE {where}", (old.segment, old.offset))):
                    values = (*row[:place], new.segment, new.offset, *row[place + 2 : -1])
                    key = "position" if table == "episodes" else "sequence"
                    self._db.execute(
                        f'UPDATE {table} SET segment = ?, "offset" = ?, checksum = ? WHERE {key} = ?',
                        (new.segment, new.offset, checksum(values), row[0]),
                    )

    def new_columns(self, method: str, name: str, values: Mapping[str, float], as_stored: bool) -> list[Column]:
        """The rows that are not stored yet. Raises ValueError where another value is, unless that one stands."""
        self.check()
        new = {trajectory: repr(float(value)) for trajectory, value in values.items()}
        known = {key: repr(value) for key, value in self._columns_of(method, name, new)}
        for trajectory, was in known.items():
            if was != new[trajectory] and not as_stored:
                got = new[trajectory]
                raise ValueError(f"column {method}/{name} of {trajectory!r} is stored as {was}, got {got}")
        return [(str(plain(method)), str(plain(name)), str(plain(key)), new[key]) for key in new if key not in known]

    def columns(self, method: str, name: str) -> dict[str, float]:
        """trajectory id -> value."""
        self.check()
        return dict(self._columns("ORDER BY rowid", [plain(method), plain(name)]))

    def close(self) -> None:
        """Close the connection; the last one folds the write-ahead log into the file."""
        self._db.close()

    def check(self) -> None:
        """Every row, the order, the count and the root must hold; checked once. Raises DamagedStore."""
        if not self._is_checked:
            self._db.lasting(self._check_all)
            self._is_checked = True

    def _check_all(self) -> None:
        self._db.check_pages()
        with self._db.one_moment():
            self._check_roots()
            for columns, table in ((COLUMNS, "columns"), (PARENTS, "parents")):
                deque(sound(self._db, self._db.stream(f"SELECT {columns} FROM {table}")), maxlen=0)

    def _check_end(self) -> None:
        """The head and the last row of both tables must agree."""
        with self._db.one_moment():
            head = self.head
            row = self._last("episodes", "position")
            frame = self._last("frames", "sequence")
        count, root = (row[0], row[7]) if row else (0, EMPTY_ROOT)
        if head != Head(count, root, frame[0] if frame else 0):
            raise self._db.damaged(f"it ends with {count} episodes, which does not match its {head}")

    def _last(self, table: str, order: str) -> Row | None:
        row = self._db.first(f"SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1")
        return next(sound(self._db, filter(None, [row])), None)

    def _check_frames(self) -> int:
        """How many frames the index knows; raises DamagedStore unless their numbers have no gap."""
        last = 0
        for row in sound(self._db, self._db.stream("SELECT * FROM frames ORDER BY sequence")):
            if row[0] != last + 1:
                raise self._db.damaged(f"frame {last + 1} is missing")
            last = row[0]
        return last

    def _check_roots(self) -> None:
        frames = self._check_frames()
        count, root = 0, EMPTY_ROOT
        for row in sound(self._db, self._db.stream("SELECT * FROM episodes ORDER BY position")):
            count, root = count + 1, next_root(root, row[6])
            if (row[0], row[7]) != (count, root):
                raise self._db.damaged(f"row {row[0]} does not follow from the rows before it")
        if self.head != Head(count, root, frames):
            raise self._db.damaged(f"{count} episodes in {frames} frames do not match its {self.head}")

    def _commit_frame(self, frame: Frame, head: Head) -> None:
        row = (head.frames, frame.segment, frame.offset, frame.length)
        self._db.execute("INSERT INTO frames VALUES (?,?,?,?,?)", (*row, checksum(row)))
        self._db.execute("UPDATE head SET count = ?, root = ?, frames = ?", (head.count, head.root, head.frames))

    def _stream(self, equal: Mapping[str, str | None]) -> Iterator[Row]:
        """Rows of the episodes in append order, each checked."""
        wanted = {name: plain(value) for name, value in equal.items() if value is not None}
        if wanted:
            self.check()
        where = " AND ".join(["position > ?", *(f"{name} = ?" for name in wanted)])
        query = f"SELECT * FROM episodes WHERE {where} ORDER BY position LIMIT {CHUNK}"
        last, root = 0, EMPTY_ROOT
        while chunk := self._db.rows(query, [last, *wanted.values()]):
            for row in sound(self._db, chunk):
                root = next_root(root, row[6])
                if not wanted and (row[0], row[7]) != (last + 1, root):
                    raise self._db.damaged(f"row {row[0]} does not follow from the rows before it")
                last = row[0]
                yield row

    def _entries(self, where: str, values: Sequence[object]) -> Iterator[Entry]:
        yield from map(entry, sound(self._db, self._db.rows(f"SELECT * FROM episodes {where}", values)))

    def _columns_of(self, method: str, name: str, trajectories: Iterable[str]) -> Iterator[tuple[str, float]]:
        wanted = [plain(trajectory) for trajectory in trajectories]
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            places = ",".join("?" * len(part))
            yield from self._columns(f"AND trajectory IN ({places})", [plain(method), plain(name), *part])

    def _columns(self, where: str, values: Sequence[object]) -> Iterator[tuple[str, float]]:
        rows = self._db.rows(f"SELECT {COLUMNS} FROM columns WHERE method = ? AND name = ? {where}", values)
        for row in sound(self._db, rows):
            yield str(text(row[2])), float(row[3])
