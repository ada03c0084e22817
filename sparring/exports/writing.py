"""Exports on the disk: a file or folder that appears whole or not at all, where nothing was before; or on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sparring.faults import make_folder, reason_of, require_writable
from sparring.files import build_folder, drafted
from sparring.registry import require

if TYPE_CHECKING:
    import pyarrow

Row = Mapping[str, object]
"""Plain data, its columns in a fixed order."""
Schema = Callable[[], "pyarrow.Schema"]
Writer = Callable[[Iterable[Row], Path], int]
"""Writes rows to a path where there is nothing, or to stdout; returns how many there were."""
STDOUT = (Path("-"), Path("/dev/stdout"))
MOST_VALUES = 1 << 20
"""Tokens and characters of a table's rows that are in memory together."""
_line = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class NoRows(ValueError):
    """A store has nothing that a format has a place for."""


def write_lines(rows: Iterable[Row], file: Path) -> int:
    """JSON lines, of ASCII characters only: equal rows are equal bytes. Raises ValueError for NaN."""
    return _write_text((f"{_line(row)}\n" for row in rows), file)


def write_array(rows: Iterable[Row], file: Path) -> int:
    """One JSON array, a row a line."""
    lines = map(_line, rows)
    first = next(lines, None)
    if first is None:
        raise NoRows
    return _write_text(chain([f"[\n{first}"], (f",\n{line}" for line in lines)), file, "\n]\n")


def write_table(schema: Schema) -> Writer:
    """A writer of one Parquet file."""

    def write(rows: Iterable[Row], file: Path) -> int:
        _require_no_stdout(file, "a Parquet file")
        require("pyarrow", "parquet")
        with drafted(file, shared=True) as draft:
            return _write_table(rows, draft, schema())

    return write


def write_dataset(schema: Schema, card: str) -> Writer:
    """A writer of a folder that `datasets.load_dataset` reads: one Parquet file, and a README with the card."""

    def write(rows: Iterable[Row], folder: Path) -> int:
        _require_no_stdout(folder, "a folder")
        require("pyarrow", "parquet")
        counts = []

        def build(draft: Path) -> None:
            (draft / "data").mkdir(parents=True)
            counts.append(_write_table(rows, draft / "data" / "train-00000-of-00001.parquet", schema()))
            (draft / "README.md").write_text(card, encoding="utf-8")

        build_folder(folder, build)
        return counts[0]

    return write


def is_stdout(output: Path) -> bool:
    """Whether a name means the standard output: rows are written to it as they come."""
    return output in STDOUT


def require_free(output: Path) -> None:
    """Raises OSError unless something new can be written there."""
    if is_stdout(output):
        return
    if output.exists() or output.is_symlink():
        raise FileExistsError(f"{output} exists already: remove it, or choose another name")
    require_writable(output)


def write(writer: Writer, rows: Iterable[Row], output: Path) -> int:
    """Write rows durably; returns how many.

    Raises NoRows, OSError naming the output, BrokenPipeError where the reader of stdout has gone, ValueError for what
    stdout cannot take, and what `rows` raises.
    """
    require_free(output)
    make_folder(output.parent)
    try:
        return writer(rows, output)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(f"cannot write {output}: {reason_of(error)}") from error


def _write_text(parts: Iterator[str], file: Path, end: str = "") -> int:
    count = 0
    with _opened(file) as out:
        for count, part in enumerate(parts, start=1):  # noqa: B007  (the last one is returned)
            out.write(part)
        if not count:
            raise NoRows
        out.write(end)
    return count


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if is_stdout(file):
        yield sys.stdout
        sys.stdout.flush()
        return
    with drafted(file, shared=True) as draft, draft.open("x", encoding="ascii") as out:
        yield out


def _require_no_stdout(output: Path, what: str) -> None:
    if is_stdout(output):
        raise ValueError(f"{what} cannot be written to standard output: name a new one with -o")


def _write_table(rows: Iterable[Row], file: Path, schema: pyarrow.Schema) -> int:
    from sparring.store.parquet import Table

    count = values = 0
    with Table(file, schema) as table:
        for row in rows:
            count += table.add([row])
            values += sum(len(value) for value in row.values() if isinstance(value, list | str))
            if values >= MOST_VALUES:
                table.flush()
                values = 0
    if not count:
        raise NoRows
    return count
