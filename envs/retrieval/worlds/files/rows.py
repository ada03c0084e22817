"""Rows of files that others wrote. Whatever is wrong is said in one line: file, row, field."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


class BadFile(ValueError):
    """A file, or a row of it, is not of the shape that it should be."""


class Row:
    """A row, or an object within one; fields are read with the type that they must have."""

    def __init__(self, place: str, values: object) -> None:
        if not isinstance(values, dict):
            raise BadFile(f"{place}: it must be an object with fields, got {_shown(values)}")
        self.place = place
        self.values: Mapping[str, object] = values

    def has(self, field: str) -> bool:
        """Whether the field is there, and not null."""
        return self.values.get(field) is not None

    def value(self, field: str) -> object:
        """The field, of any type."""
        if field not in self.values:
            there = ", ".join(map(str, self.values)) or "none"
            raise BadFile(f"{self.place}: the field {field!r} is missing; there are {there:.200}")
        return self.values[field]

    def text(self, field: str) -> str:
        """A text."""
        value = self.value(field)
        if not isinstance(value, str):
            raise BadFile(f"{self._at(field)} must be text, got {_shown(value)}")
        return value.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is legal in JSON and nowhere else

    def filled(self, field: str) -> str:
        """A text that is not empty."""
        text = self.text(field).strip()
        if not text:
            raise BadFile(f"{self._at(field)} must not be empty")
        return text

    def name(self, field: str) -> str:
        """A text, or a whole number written as one."""
        value = self.value(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.filled(field)

    def whole(self, field: str) -> int:
        """A whole number."""
        value = self.value(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadFile(f"{self._at(field)} must be a whole number, got {_shown(value)}")
        return value

    def flag(self, field: str) -> bool:
        """True or false."""
        value = self.value(field)
        if not isinstance(value, bool):
            raise BadFile(f"{self._at(field)} must be true or false, got {_shown(value)}")
        return value

    def items(self, field: str) -> Sequence[object]:
        """A list."""
        value = self.value(field)
        if not isinstance(value, list):
            raise BadFile(f"{self._at(field)} must be a list, got {_shown(value)}")
        return value

    def texts(self, field: str) -> list[str]:
        """A list of texts."""
        for item in self.items(field):
            if not isinstance(item, str):
                raise BadFile(f"{self._at(field)} must be a list of texts, got {_shown(item)} in it")
        return [str(item).encode("utf-8", "replace").decode("utf-8") for item in self.items(field)]

    def row(self, field: str) -> Row:
        """An object within this one."""
        return Row(self._at(field), self.value(field))

    def rows(self, field: str) -> list[Row]:
        """A list of objects."""
        return [Row(f"{self._at(field)}, item {n}", item) for n, item in enumerate(self.items(field), 1)]

    def wrong(self, field: str, rule: str) -> BadFile:
        """The error for a field that breaks a rule."""
        return BadFile(f"{self._at(field)} {rule}, got {_shown(self.values.get(field))}")

    def _at(self, field: str) -> str:
        return f"{self.place}: the field {field!r}"


def read_json(file: Path, field: str = "") -> list[Row]:
    """The rows of a JSON file: a list of objects, an object with such a list in a field, a table as an object of
    columns, or JSON lines. Raises BadFile, OSError."""
    if file.suffix == ".jsonl":
        return read_json_lines(file)
    text = _read(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{file} is no JSON file: {error}") from error
    if isinstance(content, dict):
        content = content.get(field) if field else _transposed(content)
    if not isinstance(content, list):
        raise BadFile(f"{file} must hold a list of rows{f' in the field {field!r}' if field else ''}")
    return _not_empty(file, [Row(f"{file}, row {number}", values) for number, values in enumerate(content, 1)])


def _transposed(columns: Mapping[str, object]) -> list[dict[str, object]] | None:
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    lengths = {len(values) for values in lists.values()}
    if not lists or len(lists) < len(columns) or len(lengths) > 1:
        return None
    return [{name: values[row] for name, values in lists.items()} for row in range(lengths.pop())]


def read_json_lines(file: Path) -> list[Row]:
    """The rows of a file with a JSON object a line; empty lines are passed over. Raises BadFile, OSError."""
    rows = []
    for number, line in enumerate(_read(file).split("\n"), 1):
        if line.strip():
            try:
                rows.append(Row(f"{file}, row {number}", json.loads(line)))
            except (json.JSONDecodeError, RecursionError) as error:
                raise BadFile(f"{file}, row {number}: it must be a JSON object, got {line[:40]!r}") from error
    return _not_empty(file, rows)


def read_table(file: Path, delimiter: str) -> list[Row]:
    """The rows of a CSV or TSV file, by the names in its first line. Raises BadFile, OSError."""
    return _not_empty(file, list(_table_rows(file, delimiter)))


def _table_rows(file: Path, delimiter: str) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(_read(file), newline=""), delimiter=delimiter)  # str.splitlines() splits at \x85 too
    try:
        names = next(lines, [])
        for number, values in enumerate(lines, 2):
            if not values:
                continue
            if len(values) != len(names):
                raise BadFile(f"{file}, row {number}: it has {len(values)} fields, and the first row has {len(names)}")
            yield Row(f"{file}, row {number}", dict(zip(names, values, strict=True)))
    except csv.Error as error:
        raise BadFile(f"{file}, row {lines.line_num}: {error}") from error


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{file} is no text in UTF-8: byte {error.start} is none") from error


def _not_empty(file: Path, rows: list[Row]) -> list[Row]:
    if not rows:
        raise BadFile(f"{file} holds no rows")
    return rows


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
