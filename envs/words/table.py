"""A table of words in TOML, read and checked: rules, words of actions and of observations, names of seats. No code.

rules = "You cross a frozen lake."      # stands above every observation
drawing = true                          # the environment's own drawing in text, where it makes one
[actions]
0 = "left"
[observation]
name = "You are at"
parts = [["row 1", "row 2"], ["column 1", "column 2"]]
[seats.player_1]
name = "black"
role = "You play black."
"""

from __future__ import annotations

import hashlib
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from sparring.envs.words.numbers import LONGEST_WORD, NO_WORDS, Numbers, UnfitWords
from sparring.envs.words.telling import NOTHING_SAID, Telling
from sparring.registry import unknown

MOST_BYTES = 200_000
LONGEST_RULES = 10_000
"""Characters of the rules, or of a role."""
READY, NONE = "ready", "none"
"""Words of ours for the environment, where there are any; and no words at all."""
MARKS = frozenset("[]{}<>\n\r\t\\")
"""What prompts and parsers read as their own: no word of an action holds it."""


@dataclass(frozen=True, slots=True)
class SeatWords:
    """What a table says of one seat."""

    name: str
    """Its new name."""
    role: str = ""
    """What this seat alone is told before every observation."""
    actions: Numbers = NO_WORDS
    """In place of those that all seats share."""


@dataclass(frozen=True, slots=True)
class Words:
    """A table of words."""

    source: str
    """The file, as errors name it."""
    sha256: str
    """Of the file's bytes, in hex."""
    rules: str = ""
    drawing: bool = False
    """Whether the environment's own drawing in text is shown (its render mode "ansi")."""
    actions: Numbers = NO_WORDS
    observation: Telling = NOTHING_SAID
    seats: Mapping[str, SeatWords] = field(default_factory=dict)

    def named(self, seats: Sequence[str]) -> tuple[str, ...]:
        """The seats by their new names, in order. Raises UnfitWords for seats that there are not, or of one name."""
        for seat in self.seats:
            if seat not in seats:
                raise self.unfit("[seats]", f"there is no {seat!r}, the seats are {', '.join(seats)}")
        names = tuple(self.seats[seat].name if seat in self.seats else seat for seat in seats)
        alike = [as_read(name) for name in names]
        if twice := next((name for name in names if alike.count(as_read(name)) > 1), None):
            raise self.unfit("[seats]", f"two seats are called {twice!r}, upper and lower case aside")
        return names

    @property
    def tells(self) -> bool:
        """Whether it has words of what is observed."""
        return self.observation != NOTHING_SAID

    def require_fits(self, actions: Numbers, observed: object, space: object) -> None:
        """Raises UnfitWords for words of actions or observations that the spaces do not have."""
        try:
            actions.require_fits("[actions]", space)
            self.observation.require_fits("[observation]", observed)
        except UnfitWords as error:
            raise UnfitWords(f"{self.source}: {error}") from error

    def unfit(self, place: str, problem: str) -> UnfitWords:
        """What is wrong with the table, with file and place."""
        return UnfitWords(f"{self.source}: {place}: {problem}")


def words_of(said: object, library: str, name: str) -> Words | None:
    """The words that an option names: "ready", "none" (or None), or the path of a table. Raises UnfitWords.

    `library` and `name` are those of the environment: `gym`, `FrozenLake-v1`.
    """
    if said is None or said == NONE:
        return None
    if not isinstance(said, str | Path) or not str(said):
        raise ValueError(f"words must be 'ready', 'none' or the path of a table, got {said!r}")
    return ready_words(library, name) if said == READY else read_words(Path(said))


@cache
def ready_words(library: str, name: str) -> Words | None:
    """The table that comes with Sparring; None where there is none."""
    table = files("sparring.envs.words") / "tables" / library / f"{name}.toml"
    return _read(table.read_bytes(), f"{library}/{name}.toml") if table.is_file() else None


def read_words(path: Path) -> Words:
    """A table of words. Raises UnfitWords for a file that cannot be read, is too long, or is no such table."""
    try:
        with path.open("rb") as file:
            return _read(file.read(MOST_BYTES + 1), str(path))
    except OSError as error:
        raise UnfitWords(f"the table of words {str(path)!r} cannot be read: {error.strerror or error}") from error


def _read(data: bytes, source: str) -> Words:
    if len(data) > MOST_BYTES:
        raise UnfitWords(f"{source}: a table of words must have at most {MOST_BYTES:,} bytes")
    try:
        said = tomllib.loads(data.decode("utf-8-sig"))  # editors of Windows put a byte order mark in front
    except (ValueError, RecursionError) as error:  # of UTF-8 and of TOML
        raise UnfitWords(f"{source} is no TOML in UTF-8: {error}") from error
    try:
        return _words(said, source, hashlib.sha256(data).hexdigest())
    except UnfitWords as error:
        raise UnfitWords(f"{source}: {error}") from error


def _words(said: Mapping[str, object], source: str, sha256: str) -> Words:
    """Raises UnfitWords naming the place, without the file."""
    _require_known("the table", said, ("rules", "drawing", "actions", "observation", "seats"))
    drawing = said.get("drawing", False)
    if not isinstance(drawing, bool):
        raise UnfitWords(f"drawing must be true or false, got {drawing!r:.80}")
    return Words(
        source,
        sha256,
        _text("rules", said.get("rules", ""), LONGEST_RULES),
        drawing,
        _actions("[actions]", _table("[actions]", said.get("actions", {}))),
        _telling("[observation]", _table("[observation]", said.get("observation", {}))),
        {seat: _seat(f"[seats] {seat}", seat, one) for seat, one in _table("[seats]", said.get("seats", {})).items()},
    )


def _seat(place: str, seat: str, said: object) -> SeatWords:
    """A new name alone, or a table with more."""
    if isinstance(said, str):
        said = {"name": said}
    table = _table(place, said)
    _require_known(place, table, ("name", "role", "actions"))
    name = _text(f"{place}: name", table.get("name", seat), LONGEST_WORD)
    if not name or any(letter.isspace() or letter in ",=:[]" for letter in name):
        raise UnfitWords(f"{place}: name must be text without blanks, commas, colons and brackets, got {name!r}")
    role = _text(f"{place}: role", table.get("role", ""), LONGEST_RULES)
    return SeatWords(name, role, _actions(f"{place}: actions", _table(place, table.get("actions", {}))))


def _actions(place: str, said: Mapping[str, object]) -> Numbers:
    """Words that can be said in any prompt. Raises UnfitWords for two actions of one word."""
    numbers = _numbers(place, {"words": said} if "parts" not in said else said)
    seen: dict[str, int] = {}
    for number, word in numbers.words.items():
        if not MARKS.isdisjoint(word) or word != word.strip():
            raise UnfitWords(
                f"{place} {number}: an action's word has no brackets, line breaks, tabs and backslashes, and no blanks "
                f"around it, got {word!r}"
            )
        if (read := as_read(word)) in seen:
            raise UnfitWords(f"{place}: {seen[read]} and {number} have the same word {word!r}")
        seen[read] = number
    return numbers


def as_read(word: str) -> str:
    """What words have in common that look alike to a reader: letters of any case, and of any way to compose them."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def _numbers(place: str, said: Mapping[str, object]) -> Numbers:
    _require_known(place, said, ("words", "parts", "join"))
    words = {
        _number(place, key): _word(f"{place} {key}", one) for key, one in _table(place, said.get("words", {})).items()
    }
    parts = said.get("parts", [])
    if not isinstance(parts, list) or not all(isinstance(part, list) and part for part in parts):
        raise UnfitWords(f"{place}: parts must be lists of words, got {parts!r:.80}")
    if words and parts:
        raise UnfitWords(f"{place}: give words or parts, not both")
    listed = tuple(_texts(f"{place}: parts", part) for part in parts)
    for part in listed:
        if len(set(map(as_read, part))) < len(part):
            raise UnfitWords(f"{place}: parts: two words of one part are the same: {', '.join(part):.80}")
    return Numbers(words, listed, _text(f"{place}: join", said.get("join", ", "), LONGEST_WORD))


def _telling(place: str, said: Mapping[str, object]) -> Telling:
    _require_known(place, said, ("name", "words", "parts", "join", "names", "units", "marks", "empty", "of"))
    kinds = [kind for kind in ("words", "parts", "names", "marks", "of") if kind in said]
    if len(kinds) > 1:
        raise UnfitWords(f"{place}: give one of {' and '.join(kinds)}, not {len(kinds)}")
    entries = _table(f"{place}.of", said.get("of", {}))
    return Telling(
        _text(f"{place}: name", said.get("name", ""), LONGEST_WORD),
        _numbers(place, {key: said[key] for key in ("words", "parts", "join") if key in said}),
        _texts(f"{place}: names", said.get("names", [])),
        _texts(f"{place}: units", said.get("units", [])),
        _texts(f"{place}: marks", said.get("marks", [])),
        _word(f"{place}: empty", said.get("empty", ".")),
        {key: _telling(f"{place}.of.{key}", _table(f"{place}.of.{key}", one)) for key, one in entries.items()},
    )


def _require_known(place: str, said: Mapping[str, object], known: Sequence[str]) -> None:
    for key in said:
        if key not in known:
            raise UnfitWords(f"{place}: {unknown('key', key, known)}")


def _table(place: str, said: object) -> Mapping[str, object]:
    if not isinstance(said, Mapping):
        raise UnfitWords(f"{place} must be a table, got {said!r:.80}")
    return said


def _number(place: str, key: str) -> int:
    digits = key.removeprefix("-")
    if len(key) > 18 or not (digits.isascii() and digits.isdecimal()):
        raise UnfitWords(f"{place}: the key of a word is a whole number, got {key!r:.80}")
    return int(key)


def _word(place: str, said: object) -> str:
    word = _text(place, said, LONGEST_WORD)
    if not word:
        raise UnfitWords(f"{place}: a word must not be empty")
    return word


def _text(place: str, said: object, longest: int) -> str:
    if not isinstance(said, str):
        raise UnfitWords(f"{place} must be text, got {said!r:.80}")
    if len(said) > longest:
        raise UnfitWords(f"{place} must have at most {longest:,} characters, got {len(said):,}")
    return said


def _texts(place: str, said: object) -> tuple[str, ...]:
    if not isinstance(said, list):
        raise UnfitWords(f"{place} must be a list of texts, got {said!r:.80}")
    return tuple(_text(place, one, LONGEST_WORD) for one in said)
