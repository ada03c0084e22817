"""Build and open the folder of an index.

    manifest.json                     settings, sizes and SHA-256 of the other files, fingerprint
    corpus.jsonl  corpus.offsets      the passages with their triples, in the order of ids
    bm25/  tantivy/  dense/           what the engine reads

The folder appears whole or not at all. Opening compares the sizes of its files with the manifest, and their contents
too where it is small (`FULL_UP_TO`) or where that is asked for.
"""

from __future__ import annotations

import platform
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sparring.envs.retrieval.bm25 import K1, B, Scorer, require_parameters
from sparring.envs.retrieval.corpus import LINES, Corpus, Progress, corpus_digest, in_order_of_ids, write_corpus
from sparring.envs.retrieval.index.engines import ENGINES, PARTS, Encoder, Engine, Fused, Options, Searcher, part
from sparring.envs.retrieval.manifest import (
    NAME,
    DamagedIndex,
    Manifest,
    Setting,
    check_files,
    read_manifest,
    write_manifest,
)
from sparring.envs.retrieval.types import Hit, Passage
from sparring.faults import require_writable
from sparring.files import build_folder
from sparring.plurals import number_of

FULL_UP_TO = 2**26
"""Bytes of an index up to which its contents are compared whenever it is opened: 0.1 s or less."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index that was opened: a `Retriever`, with what its manifest says."""

    folder: Path
    manifest: Manifest
    passages: Sequence[Passage]
    engine: Searcher

    @property
    def fingerprint(self) -> str:
        """As the manifest says."""
        return self.manifest.fingerprint

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the engine finds. Raises ValueError for k < 1."""
        return self.engine.search(queries, k)


def build_index(
    passages: Iterable[Passage],
    folder: Path,
    engine: Engine = "bm25",
    k1: float = K1,
    b: float = B,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Index:
    """Index passages into a new folder and open it.

    Two builds of equal passages with bm25 have equal bytes, on every machine and in whatever order the passages come.
    k1, b: of bm25 and hybrid; encoder: of dense and hybrid. Raises ValueError for passages of one id, none at all, or
    parameters out of range, MissingExtra, and FileExistsError where something lies in the folder; then nothing is left.
    """
    require_parameters(k1, b)
    require_free(folder)
    options = Options(k1, b, encoder, progress=progress)
    if "dense" in PARTS[engine]:
        options.required_encoder()
    corpus = in_order_of_ids(passages)
    build_folder(folder, lambda into: _write(into, corpus, engine, options), is_whole=is_index)
    return open_index(folder, encoder=encoder)


def _write(folder: Path, corpus: Sequence[Passage], engine: Engine, options: Options) -> None:
    folder.mkdir()
    write_corpus(corpus, folder)
    settings: dict[str, Setting] = {"engine": engine}
    identity = [LINES]
    for name in PARTS[engine]:
        written = part(name).write(corpus, folder, options)
        settings |= written.settings
        identity += written.identity
    write_manifest(folder, settings, identity, versions(), len(corpus))


def open_index(
    folder: Path, scorer: Scorer = "auto", full: bool | None = None, encoder: Encoder | None = None
) -> Index:
    """Open the index of a folder. Its arrays and passages are mapped into memory.

    full: whether the SHA-256 of every file is compared with the manifest, not its size only; None: where all files
        together have at most 64 MB. encoder: what a dense or hybrid index was built with. Raises DamagedIndex naming
        the file, ValueError for another encoder or none, and MissingExtra.
    """
    manifest = read_manifest(folder)
    size = sum(file.bytes for file in manifest.files.values())
    check_files(folder, manifest, full=size <= FULL_UP_TO if full is None else full)
    engine = next((name for name in ENGINES if name == manifest.settings.get("engine")), None)
    if engine is None:
        raise DamagedIndex(f"{folder} has an unknown engine, {manifest.settings.get('engine')!r}")
    corpus, options = Corpus(folder), Options(encoder=encoder, scorer=scorer)
    searchers = [part(name).open(corpus, folder, manifest.settings, options) for name in PARTS[engine]]
    return Index(folder, manifest, corpus, searchers[0] if len(searchers) == 1 else Fused(searchers))


def is_index(folder: Path) -> bool:
    """Whether a folder has a manifest."""
    return (folder / NAME).is_file()


def require_free(folder: Path) -> None:
    """Raises OSError where a folder cannot be built, because something lies there or nothing can be made there."""
    if is_index(folder):
        raise FileExistsError(f"{folder} is an index already: remove it, or choose another folder")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists already and is no empty folder: choose another one")
    require_writable(folder)


def require_corpus(index: Index, passages: Iterable[Passage], name: str) -> None:
    """Raises ValueError where an index holds other passages than these, those of `name`."""
    corpus = in_order_of_ids(passages)
    ours = corpus_digest(corpus) if len(corpus) == index.manifest.passages else "another number of passages"
    if ours != index.manifest.corpus:
        raise ValueError(
            f"{index.folder} is an index of another corpus than {name}: "
            f"{number_of(index.manifest.passages, 'passage')} with SHA-256 {index.manifest.corpus[:12]}, "
            f"and {name} has {len(corpus)} with {corpus_digest(corpus)[:12]}"
        )


def versions() -> dict[str, str]:
    """Of what writes an index; a reader may have others."""
    ours = {name: version(name) for name in ("bm25s", "numpy", "sparring")}
    return ours | {"python": platform.python_version(), "unicode": unicodedata.unidata_version}
