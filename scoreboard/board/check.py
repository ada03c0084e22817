"""Whether a page says what its episodes say: the board is worked out again and compared letter by letter."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sparring import __version__
from sparring.content import canonical_json
from sparring.plurals import number_of
from sparring.scoreboard.board.build import Progress, Settings, build_board, facts
from sparring.scoreboard.board.page import FORMAT, TITLE, render
from sparring.store.store import Store

MOST_DIFFERENCES = 20
"""That are told one by one."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a page says of itself and of its numbers."""

    text: str
    sparring: str
    labels: tuple[str, ...]
    settings: Settings
    facts: object
    """Nothing where they cannot be read."""


def read_page(page: Path) -> Written:
    """Raises OSError where it cannot be read, ValueError for what is no board of ours or of another format."""
    raw = page.read_bytes()
    if TITLE not in raw[:4096]:
        raise ValueError(f"{page} is no board of Sparring (sparring board STORE -o FILE)")
    text = raw.decode("utf-8", "surrogateescape")
    try:
        told = json.loads(_element(text, "board-settings"))
        found = told["format"], str(told["sparring"]), tuple(map(str, told["labels"]))
        settings = Settings(int(told["replays"]), bool(told["equal_weight"]), bool(told["exact"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{page} does not say what it was made with: its board-settings are damaged") from error
    if found[0] != FORMAT:
        raise ValueError(f"{page} is of format {found[0]}, this Sparring reads format {FORMAT}: make it again")
    return Written(text, found[1], found[2], settings, _unpacked(text))


def check_board(written: Written, stores: Sequence[Store], progress: Progress = lambda read: None) -> list[str]:
    """Every difference between the page and what the stores give, in words; none where the page is right.

    Raises ValueError where the page was made from another number of stores.
    """
    if len(stores) != len(written.labels):
        named = ", ".join(written.labels)
        raise ValueError(
            f"the page was made from {number_of(len(written.labels), 'store')} ({named}), got {len(stores)}"
        )
    grown = list(_grown(written, stores))
    if grown:
        return grown
    board = build_board(list(zip(written.labels, stores, strict=True)), written.settings, progress)
    again = render(board)
    if again == written.text:
        return []
    now = json.loads(canonical_json(facts(board)))
    found = list(_differences(written.facts, now))
    found.sort(key=lambda problem: not problem.startswith("stores"))  # what the others follow from
    more = len(found) - MOST_DIFFERENCES
    told = [*found[:MOST_DIFFERENCES], f"and {number_of(more, 'number')} more"] if more > 0 else found
    if written.sparring != __version__:
        told.append(
            f"the page was made by Sparring {written.sparring}, this is {__version__}: its letters cannot be compared; "
            "make it again (sparring board)"
        )
    elif not found:
        told.append(_first_other_line(written.text, again))
    return told


def _grown(written: Written, stores: Sequence[Store]) -> Iterator[str]:
    """Stores that hold another number of episodes than the page was made from."""
    made = written.facts.get("stores") if isinstance(written.facts, dict) else None
    for label, store, told in zip(written.labels, stores, made if isinstance(made, list) else [], strict=False):
        was = told.get("episodes") if isinstance(told, dict) else None
        if was != store.count:
            yield f"stores > {label}: the page was made from {was} episodes, the store has {store.count}"


def _element(text: str, id: str) -> str:
    """What stands in a script element. Raises ValueError where there is none."""
    found = re.search(rf'<script type="[a-z/-]+" id="{id}">(.*?)</script>', text, re.DOTALL)
    if found is None:
        raise ValueError(f"there is no element {id}")
    return found[1]


def _unpacked(text: str) -> object:
    try:
        return json.loads(gzip.decompress(base64.b64decode(_element(text, "board-facts"), validate=True)))
    except (ValueError, OSError, EOFError, zlib.error):
        return None


def _differences(page: object, now: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every number that differs, with where it stands."""
    if isinstance(page, dict) and isinstance(now, dict):
        for key in {**now, **page}:
            yield from _differences(page.get(key), now.get(key), (*path, str(key)))
    elif page != now:
        where = " > ".join(path) or "the packed numbers"
        yield f"{where}: the page says {_short(page)}, the episodes give {_short(now)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else canonical_json(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _first_other_line(page: str, again: str) -> str:
    lines = enumerate(zip_longest(page.split("\n"), again.split("\n")), start=1)
    number, was, came = next((number, was, came) for number, (was, came) in lines if was != came)
    if was is None or came is None:
        return f"the page {'ends before' if was is None else 'goes on after'} line {number - 1}, its last one"
    at = next((place for place, (a, b) in enumerate(zip(was, came, strict=False)) if a != b), min(len(was), len(came)))
    start = max(0, at - 30)
    return (
        f"line {number} of the page is not what the episodes give: it reads {was[start : at + 50]!r}, "
        f"and should read {came[start : at + 50]!r}"
    )
