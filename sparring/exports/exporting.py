"""A store written in another trainer's format, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparring.exports.formats import Format
from sparring.exports.selection import Selection
from sparring.exports.writing import NoRows, write


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    rows: int
    left_out: str
    """In words; "" where nothing was."""


def export(selection: Selection, format: Format, output: Path) -> Exported:
    """Write what was selected to a new file or folder.

    Raises NoRows, OSError (FileExistsError too), MissingExtra, DamagedEpisode, UnknownName for an unknown environment.
    """
    try:
        count = write(format.writer, format.rows(selection), output)
    except NoRows:
        why = selection.in_words() or selection.without_a_match()
        raise NoRows(f"no rows for {format.name}: {why}") from None
    return Exported(count, selection.in_words())
