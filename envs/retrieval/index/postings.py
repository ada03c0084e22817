"""BM25's arrays on the disk, mapped into memory when they are opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparring.envs.retrieval.bm25 import DATA, INDICES, INDPTR, WORDS, Postings
from sparring.envs.retrieval.manifest import DamagedIndex, Setting
from sparring.envs.retrieval.words import RULES

FILES = (WORDS, DATA, INDICES, INDPTR)


def write_postings(postings: Postings, folder: Path) -> None:
    """Write the files that `read_postings` maps. Raises OSError."""
    (folder / WORDS).parent.mkdir()
    for name, content in postings.files().items():
        (folder / name).write_bytes(content)


def read_postings(folder: Path, settings: Mapping[str, Setting], passages: int) -> Postings:
    """The postings of a folder; the arrays stay on the disk until they are read. Raises DamagedIndex."""
    if settings.get("words") != RULES:
        raise DamagedIndex(f"{folder} splits words by {settings.get('words')!r}, we by {RULES!r}: build the index anew")
    words = json.loads((folder / WORDS).read_bytes())
    vocabulary = {word: at for at, word in enumerate(words)}
    data, indices, indptr = (
        _array(folder / DATA, "<f4"),
        _array(folder / INDICES, "<i4"),
        _array(folder / INDPTR, "<i8"),
    )
    if len(indptr) != len(vocabulary) + 1 or not len(data) == len(indices) == indptr[-1]:
        raise DamagedIndex(f"{folder / INDPTR} does not fit {WORDS} and {DATA}: the index is damaged")
    return Postings(vocabulary, data, indices, indptr, passages, float(settings["k1"]), float(settings["b"]))


def _array(path: Path, kind: str) -> NDArray[Any]:
    if path.stat().st_size == 0:
        return np.empty(0, kind)
    return np.asarray(np.memmap(path, kind, "r"))
