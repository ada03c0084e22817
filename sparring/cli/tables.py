"""Tables that fit: where a screen is too narrow, names are shortened in the middle, then prose is broken between words.

Where that is not enough, every row becomes a few lines, one a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sparring.wrapping import wrapped

BETWEEN = 2
"""Blanks between two columns."""
SHORTEST = 8
"""Characters that a shortened name keeps at least."""
NARROWEST = 24
"""Characters a line that a column of prose has at least."""


class TrimmedTable(Table):
    """A table without blanks at the ends of its lines."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines as rich draws them, trimmed."""
        drawn = (part for part in super().__rich_console__(console, options) if isinstance(part, Segment))
        for line in Segment.split_lines(drawn):
            yield from _trimmed(line)
            yield Segment.line()


def _trimmed(line: Iterable[Segment]) -> Iterator[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip(" "):
        kept.pop()
    if kept:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip(" "))
    return iter(kept)


def table_of(*columns: str) -> Table:
    """An empty table."""
    table = TrimmedTable(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def fitted_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    names: Sequence[int],
    width: int | None,
    mark: str = "…",
    prose: int | None = None,
) -> Table | Group:
    """A table of plain text, at most `width` wide. `names`: the columns that may be shortened, the widest first.

    `prose`: the column that may be broken between words. Where nothing helps, every row becomes a line a column.
    """
    texts = [list(columns), *map(list, rows)]
    if width is not None:
        if _narrowest(texts, names, prose) > width:
            return Group(*(Text(line, no_wrap=True) for row in rows for line in _as_lines(columns, row, width)))
        for place, room in _rooms(texts, names, width, prose).items():
            for row in texts:
                row[place] = shortened(row[place], room, mark)
    table = table_of(*map(escape, texts[0]))
    for place, column in enumerate(table.columns):
        column.no_wrap = prose is not None and place != prose
    for row in texts[1:]:
        table.add_row(*map(escape, row))
    return table


def _as_lines(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """A row where no table has room: its first cell, and every other one behind the name of its column."""
    yield row[0]
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell:
            yield from wrapped(f"  {column}: {cell}" if column else f"  {cell}", width, "    ").split("\n")


def _widths(texts: Sequence[Sequence[str]], prose: int | None) -> list[int]:
    """Of the columns; of prose what it needs at least. Rich leaves blanks after the last column too."""
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    return [min(width, NARROWEST) if place == prose else width for place, width in enumerate(widths)]


def _narrowest(texts: Sequence[Sequence[str]], names: Sequence[int], prose: int | None) -> int:
    """The width of the narrowest table that can be read."""
    widths = _widths(texts, prose)
    return sum(min(w, SHORTEST) if place in names else w for place, w in enumerate(widths)) + BETWEEN * len(widths)


def _rooms(texts: Sequence[Sequence[str]], names: Sequence[int], width: int, prose: int | None) -> dict[int, int]:
    widths = _widths(texts, prose)
    excess = sum(widths) + BETWEEN * len(widths) - width
    rooms = {place: widths[place] for place in names}
    while excess > 0:
        widest = max(rooms, key=rooms.__getitem__)
        if rooms[widest] <= SHORTEST:
            break
        rooms[widest] -= 1
        excess -= 1
    return rooms


def shortened(text: str, room: int, mark: str = "…") -> str:
    """The beginning and the end of a text that is too long; ends are what differs most often, and get more room."""
    if len(text) <= room:
        return text
    end = (room - len(mark) + 1) * 2 // 3
    return f"{text[: room - len(mark) - end]}{mark}{text[len(text) - end :]}"
