"""The board of a game as a replay shows it, read out of the text that the seats saw.

The table `LOOKS` says of each of our board games how its text is laid out, and how its marks are drawn. Nothing of the
text is trusted: a text that holds no such board has no drawing, and every mark is shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sparring.types import Episode

MOST_CELLS = 1_000
PIT_ROW = re.compile(r"(player_[01])((?: +\d+)+)   (?:store|captured) (\d+)")
POINT = re.compile(r"[xo]\d{1,2}|\.")
PILE = re.compile(r"([A-I]): +(\d+)(?: \|+)?")
DRAWN_ROW = re.compile(r"(\d) (.*)")
EMPTY = "."
Rows = Sequence[tuple[str, Sequence[str]]]
"""(label, cells)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A board in a text."""

    rows: Rows
    columns: Sequence[str] = ()
    """Labels above the board, as many as a row has cells; none where it has none."""
    below: Sequence[str] = ()
    """Labels below it."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the text of a game is laid out, and how its board is drawn."""

    read: Callable[[str], Table | None]
    shape: str
    """square, checkered, hex, points (marks stand where lines cross) or dots (lines between dots)."""
    pieces: Mapping[str, tuple[str, str]]
    """Mark -> (colour: s0 and s1 are those of the seats, black, white; glyph, "" for a plain disc)."""
    block: int = 0
    """After how many cells a heavier line is drawn; 0 for none."""
    lines: tuple[tuple[int, int, int, int], ...] = ()
    """Of points: from column and row to column and row, counted from the top left; without any they are a grid."""
    black: int = 0
    """Which player has the black pieces, where they are black and white."""
    private: bool = False
    """Whether each seat sees a board of its own."""


@dataclass(frozen=True, slots=True)
class Boards:
    """The boards of an episode; one is its rows with "/" between them, the cells of a row with blanks between them."""

    shape: str
    pieces: Mapping[str, tuple[str, str]]
    block: int
    lines: tuple[tuple[int, int, int, int], ...]
    sides: str
    """Who is Black and who is White; "" where the pieces have the colours of the seats."""
    private: bool
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    below: tuple[str, ...]
    turns: tuple[str, ...]
    """What was seen before each of the episode's turns; "" where it is not known."""
    last: str
    """At the end."""


def boards(episode: Episode) -> Boards | None:
    """Of an episode of one of our board games; None of any other."""
    ends = [one.last.text for one in episode.trajectories.values() if one.last is not None]
    return boards_in(episode.env_id, [turn.observation.text for _, turn in episode.turns], ends[0] if ends else "")


def boards_in(env_id: str, seen: Sequence[str], last: str = "") -> Boards | None:
    """Those in what was seen turn by turn, and at the end; None of an environment without a board."""
    look = LOOKS.get(env_id.partition(":")[0])
    if look is None:
        return None
    tables = [look.read(text) for text in seen]
    first = next((table for table in tables if table is not None), None)
    width = max((len(cells) for _, cells in first.rows), default=0) if first else 0
    if first is None or not 0 < width * len(first.rows) <= MOST_CELLS:
        return None
    return Boards(
        look.shape,
        look.pieces,
        look.block,
        look.lines,
        _sides(look),
        look.private,
        rows=tuple(label for label, _ in first.rows),
        columns=tuple(first.columns) if len(first.columns) == width else (),
        below=tuple(first.below) if len(first.below) == width else (),
        turns=tuple(_written(table, len(first.rows), width) for table in tables),
        last=_written(look.read(last), len(first.rows), width),
    )


def _sides(look: Look) -> str:
    if ("black", "") not in look.pieces.values() and "k" not in look.pieces:
        return ""
    return f"Black is player_{look.black}, White is player_{1 - look.black}"


def _written(table: Table | None, height: int, width: int) -> str:
    """A board of this size; "" for another."""
    if table is None or len(table.rows) != height or any(len(cells) > width for _, cells in table.rows):
        return ""
    return "/".join(" ".join([*cells, *[EMPTY] * (width - len(cells))]) for _, cells in table.rows)


def _labelled(text: str) -> Table | None:
    """Rows that begin with their number, under or above a row of letters; a character a cell, blanks between them."""
    rows: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        label, *marks = [word for word in line.split() if word != "|"] or [""]
        if label.isdecimal() and len(marks) > 1 and all(len(mark) == 1 for mark in marks):
            rows.append((label, marks))
    return _table(rows, _letters(text))


def _letters(text: str) -> list[str]:
    """The column letters: a line of single letters."""
    for line in text.split("\n"):
        words = [word for word in line.split() if word != "|"]
        if len(words) > 1 and all(len(word) == 1 and "a" <= word <= "z" for word in words):
            return words
    return []


def _table(rows: Rows, columns: Sequence[str] = (), below: Sequence[str] = ()) -> Table | None:
    return Table(rows, columns, below) if rows and len({len(cells) for _, cells in rows}) == 1 else None


def _unlabelled(text: str) -> Table | None:
    """Rows of at least three cells, a character a cell."""
    rows = [("", words) for line in text.split("\n") if len(words := line.split()) > 2 and max(map(len, words)) == 1]
    return _table(rows)


def _under_numbers(text: str) -> Table | None:
    """As `_unlabelled`, below a line of column numbers."""
    table = _unlabelled(text)
    return table and _table(table.rows[1:], table.rows[0][1])


def _points(text: str) -> Table | None:
    """Rows that begin with their number, above the letters; every second character is a cell, the others are lines."""
    letters = _letters(text)
    found = [match for line in text.split("\n") if (match := DRAWN_ROW.fullmatch(line))]
    rows = [(match[1], match[2][::2].replace(" ", EMPTY)) for match in found if len(match[2]) == 2 * len(letters) - 1]
    return _table(rows, letters)


def _dots(text: str) -> Table | None:
    """Rows of dots that begin with their number, and the rows between them, under the letters; a character a cell."""
    letters = _letters(text)
    width = 2 * len(letters) - 1
    below = text.partition(f"\n  {' '.join(letters)}\n")[2].split("\n")
    drawn = takewhile(lambda line: not line[:1].isalpha(), below)
    rows = [(line[:1].strip(), line[2:].ljust(width)[:width].replace(" ", EMPTY)) for line in drawn]
    return _table(rows, list(" ".join(letters)))


def _pits(text: str) -> Table | None:
    """Two rows of numbers between lines that name the pits, and each player's store."""
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if PIT_ROW.fullmatch(line)]
    if len(places) != 2 or places[0] + 1 != places[1] or not 0 < places[0] < len(lines) - 2:
        return None
    found = [PIT_ROW.fullmatch(lines[place]) for place in places]
    rows = [(match[1], [*match[2].split(), match[3]]) for match in found if match]
    return _table(rows, [*lines[places[0] - 1].split(), "store"], [*lines[places[1] + 1].split(), ""])


def _backgammon(text: str) -> Table | None:
    """Two rows of twelve points between the numbers of the points; what stands there is a word."""
    lines = [line.replace("|", " ").split() for line in text.split("\n")]
    for above, upper, lower, below in zip(lines, lines[1:], lines[2:], lines[3:], strict=False):
        if len(above) == len(below) == 12 and all(map(POINT.fullmatch, upper + lower)):
            return _table([("", upper), ("", lower)], above, below)
    return None


def _piles(text: str) -> Table | None:
    """A line a pile; a cell an object."""
    found = [match for line in text.split("\n") if (match := PILE.fullmatch(line)) and len(match[2]) < 3]
    return Table([(match[1], "|" * int(match[2])) for match in found]) if found else None


def _of_seats(marks: str) -> dict[str, tuple[str, str]]:
    """Discs of the first seat's mark and of the second seat's."""
    return {mark: (f"s{seat}", "") for seat, mark in enumerate(marks)}


def _chessmen() -> Iterator[tuple[str, tuple[str, str]]]:
    for letter, glyph in zip("kqrbnp", "♚♛♜♝♞♟", strict=True):
        yield letter, ("black", glyph)
        yield letter.upper(), ("white", glyph)


SQUARES = [((edge, edge), (6 - edge, 6 - edge)) for edge in range(3)]
MORRIS = (
    *[(left, row, right, row) for (left, top), (right, bottom) in SQUARES for row in (top, bottom)],
    *[(column, top, column, bottom) for (left, top), (right, bottom) in SQUARES for column in (left, right)],
    *((3, 0, 3, 2), (3, 4, 3, 6), (0, 3, 2, 3), (4, 3, 6, 3)),
)
X_AND_O = _of_seats("xo")
LOOKS: Mapping[str, Look] = {
    f"sparring/{name}-v0": look
    for name, look in {
        "TicTacToe": Look(_unlabelled, "square", _of_seats("XO")),
        "ConnectFour": Look(_under_numbers, "square", X_AND_O),
        "Nim": Look(_piles, "square", {"|": ("ink", "")}),
        "MNK": Look(_labelled, "square", X_AND_O),
        "Hex": Look(_labelled, "hex", X_AND_O),
        "Clobber": Look(_labelled, "square", _of_seats("ox")),
        "DotsAndBoxes": Look(_dots, "dots", X_AND_O),
        "Breakthrough": Look(_labelled, "checkered", _of_seats("bw")),
        "Othello": Look(_labelled, "square", {"x": ("black", ""), "o": ("white", "")}),
        "Mancala": Look(_pits, "square", {}),
        "Oware": Look(_pits, "square", {}),
        "NineMensMorris": Look(_points, "points", {"W": ("white", ""), "B": ("black", "")}, lines=MORRIS, black=1),
        "Checkers": Look(_labelled, "checkered", _of_seats("ox") | {"O": ("s0", "♚"), "X": ("s1", "♚")}),
        "Go": Look(_labelled, "points", {"X": ("black", ""), "O": ("white", "")}),
        "Chess": Look(_labelled, "checkered", dict(_chessmen())),
        "UltimateTicTacToe": Look(_labelled, "square", X_AND_O, block=3),
        "Amazons": Look(_labelled, "checkered", _of_seats("XO") | {"#": ("ink", "")}),
        "Pentago": Look(_labelled, "square", X_AND_O, block=3),
        "DarkHex": Look(_labelled, "hex", _of_seats("XO"), private=True),
        "Backgammon": Look(_backgammon, "square", {}, block=6, private=True),
        "PhantomTicTacToe": Look(_unlabelled, "square", _of_seats("XO"), private=True),
    }.items()
}
