"""BM25's arrays on the disk, mapped into memory when they are opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparring.envs.retrieval.bm25 import DATA, INDICES, INDPTR, WORDS, Bm25, Postings, post
from sparring.envs.retrieval.index.engines import Options, Written
from sparring.envs.retrieval.manifest import DamagedIndex, Setting
from sparring.envs.retrieval.types import Passage
from sparring.envs.retrieval.words import RULES


class Bm25Part:
    """`Bm25` over arrays of a folder."""

    def write(self, corpus: Sequence[Passage], folder: Path, options: Options) -> Written:
        """Write vocabulary and arrays; equal passages give equal bytes. Raises OSError."""
        postings = post(corpus, options.k1, options.b, options.progress)
        (folder / WORDS).parent.mkdir()
        for name, content in postings.files().items():
            (folder / name).write_bytes(content)
        return Written(postings.settings, (WORDS, DATA, INDICES, INDPTR))

    def open(self, corpus: Sequence[Passage], folder: Path, settings: dict[str, Setting], options: Options) -> Bm25:
        """The retriever; its arrays stay on the disk until they are read. Raises DamagedIndex."""
        require_rules(folder, settings)
        vocabulary = {word: at for at, word in enumerate(json.loads((folder / WORDS).read_bytes()))}
        data, indices = _array(folder / DATA, "<f4"), _array(folder / INDICES, "<i4")
        indptr = _array(folder / INDPTR, "<i8")
        if len(indptr) != len(vocabulary) + 1 or not len(data) == len(indices) == indptr[-1]:
            raise DamagedIndex(f"{folder / INDPTR} does not fit {WORDS} and {DATA}: the index is damaged")
        k1, b = float(settings["k1"]), float(settings["b"])
        return Bm25.over(corpus, Postings(vocabulary, data, indices, indptr, len(corpus), k1, b), options.scorer)


def require_rules(folder: Path, settings: dict[str, Setting]) -> None:
    """Raises DamagedIndex where an index was made by other rules of what a word is."""
    if settings.get("words") != RULES:
        raise DamagedIndex(f"{folder} splits words by {settings.get('words')!r}, we by {RULES!r}: build the index anew")


def _array(path: Path, kind: str) -> NDArray[Any]:
    if path.stat().st_size == 0:
        return np.empty(0, kind)
    return np.asarray(np.memmap(path, kind, "r"))
