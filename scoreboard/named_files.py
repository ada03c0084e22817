"""What stands in the files that options name: another content makes other games, so it belongs to their ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from sparring.specs import parse_spec

MANIFEST = "manifest.json"
"""Of a folder, such as an index of passages: it holds the SHA-256 of everything else in it."""
INNER = re.compile(r"[:+]\w+=")
"""Between the options of a value that is a spec itself: hotpotqa:train=a.json:held_out=b.json."""


def digests(values: Iterable[object]) -> frozenset[str]:
    """SHA-256, in hex, of every file that one of these values names, by itself or as the option of a spec.

    Of a folder its manifest counts; a value that names nothing has no digest.
    """
    return frozenset(_digest(file) for value in values for file in _files(value))


def fingerprint(found: Iterable[str]) -> str:
    """Digests as `@` and 8 hex digits; "" where there is none."""
    ordered = ",".join(sorted(found))
    return f"@{hashlib.sha256(ordered.encode()).hexdigest()[:8]}" if ordered else ""


def named_in(spec: str) -> tuple[str, ...]:
    """The values of a spec's options; none of a name that is no spec."""
    try:
        return tuple(parse_spec(spec).options.values())
    except ValueError:
        return ()


def _files(value: object) -> Iterator[Path]:
    if not isinstance(value, str | Path):
        return
    for text in (str(value), *INNER.split(str(value))[1:]):
        for file in (Path(text), Path(text, MANIFEST)):
            try:
                is_file = bool(text) and file.is_file()
            except (OSError, ValueError):  # a text that is no path: too long, or with a NUL
                is_file = False
            if is_file:
                yield file


def _digest(file: Path) -> str:
    known = file.stat()
    return _read(file.absolute(), known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=64)
def _read(file: Path, changed: int, size: int) -> str:
    """A corpus may have gigabytes: it is read once as long as its time and size stay."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
