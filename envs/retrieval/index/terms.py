"""An index by tantivy (the extra "retrieval"): less memory than BM25's arrays, for many millions of passages.

The words are ours, so the engines differ in their scores only: tantivy stores the length of a passage in one byte.
Its files have random names, so two builds differ: the fingerprint is over corpus and settings. Scores are rounded to
four decimals, because how tantivy cut its segments may change the last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparring.envs.retrieval.bm25 import require_k
from sparring.envs.retrieval.corpus import counted
from sparring.envs.retrieval.index.engines import Options, Written
from sparring.envs.retrieval.index.postings import require_rules
from sparring.envs.retrieval.manifest import DamagedIndex, Setting
from sparring.envs.retrieval.types import Hit, Passage
from sparring.envs.retrieval.words import RULES, words_of, words_of_query
from sparring.plurals import number_of
from sparring.registry import require

FOLDER = "tantivy"
WORDS, POSITION = "words", "position"
DECIMALS = 4


class TantivyPart:
    """`Tantivy` in a folder."""

    def write(self, corpus: Sequence[Passage], folder: Path, options: Options) -> Written:
        """Write the index, and count what it holds: a writer that died leaves one that is empty and opens.

        Raises DamagedIndex for another count, and MissingExtra.
        """
        tantivy = require("tantivy", "retrieval")
        (folder / FOLDER).mkdir()
        index = tantivy.Index(_schema(tantivy), str(folder / FOLDER))
        writer = index.writer(num_threads=1)
        for at, passage in enumerate(counted(corpus, options.progress)):
            document = tantivy.Document()
            document.add_text(WORDS, " ".join(words_of(passage.contents)))
            document.add_integer(POSITION, at)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        _require_count(folder, index.searcher().num_docs, len(corpus))
        return Written({"words": RULES, "tantivy": tantivy.__version__}, ())

    def open(self, corpus: Sequence[Passage], folder: Path, settings: dict[str, Setting], options: Options) -> Tantivy:
        """What answers. Raises DamagedIndex, and MissingExtra."""
        tantivy = require("tantivy", "retrieval")
        require_rules(folder, settings)
        try:
            index = tantivy.Index.open(str(folder / FOLDER))
        except ValueError as error:
            raise DamagedIndex(f"{folder / FOLDER} cannot be opened: {error}") from error
        _require_count(folder, index.searcher().num_docs, len(corpus))
        return Tantivy(corpus, index)


class Tantivy:
    """A searcher over a tantivy index of a corpus."""

    def __init__(self, corpus: Sequence[Passage], index: Any) -> None:
        self._corpus, self._schema = corpus, index.schema
        self._searcher = index.searcher()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query at most `k` hits, best first, equal scores in the order of ids. ValueError for k < 1."""
        require_k(k)
        return [self._find(words_of_query(query), k) for query in queries]

    def _find(self, words: Sequence[str], k: int) -> list[Hit]:
        if not words:
            return []
        query = self._query(words)
        count = min(k + 1, len(self._corpus))
        while True:
            found = self._found(query, count)
            if len(found) < count or count == len(self._corpus) or found[-1][0] < found[k - 1][0]:
                break
            count = min(2 * count, len(self._corpus))  # those that equal the last one are not all here
        best = sorted((-score, at) for score, at in found if score > 0)[:k]
        return [Hit(self._corpus[at], -minus_score) for minus_score, at in best]

    def _found(self, query: Any, count: int) -> list[tuple[float, int]]:
        """(score, position) of the best, by falling score."""
        hits = self._searcher.search(query, count, count=False).hits
        positions = self._searcher.fast_field_values(POSITION, [address for _, address in hits])
        return [(round(score, DECIMALS), at) for (score, _), at in zip(hits, positions, strict=True)]

    def _query(self, words: Sequence[str]) -> Any:
        from tantivy import Occur, Query

        terms = [Query.term_query(self._schema, WORDS, word, "freq") for word in sorted(words)]
        return Query.boolean_query([(Occur.Should, term) for term in terms])


def _schema(tantivy: Any) -> Any:
    """Our words as they are, and positions: of unsigned ones, the writer dies in the middle of the build."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field(WORDS, stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_integer_field(POSITION, stored=False, indexed=False, fast=True)
    return builder.build()


def _require_count(folder: Path, count: int, expected: int) -> None:
    if count != expected:
        raise DamagedIndex(
            f"{folder / FOLDER} must hold {number_of(expected, 'passage')}, got {count}: build the index anew"
        )
