"""BEIR (arXiv 2104.08663): queries and the passages that are relevant to them; there are no answers.

    corpus.jsonl   {"_id", "title", "text"}
    queries.jsonl  {"_id", "text"}
    qrels/test.tsv query-id, corpus-id, score

The world has pools and no questions. A score of 0 marks a passage that was judged and is not relevant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sparring.envs.retrieval.reading import read_passages
from sparring.envs.retrieval.types import Passage
from sparring.envs.retrieval.worlds.files.building import Collected, FileWorld, Ids, Ranking, Source
from sparring.envs.retrieval.worlds.files.rows import Row, read_json_lines, read_table


def load_beir(spec: str, /, folder: str = "", qrels: str = "test") -> FileWorld:
    """A BEIR folder; `qrels`: which of its judgements, train, dev or test."""
    if not folder:
        raise ValueError("the world 'beir' needs folder=PATH, with corpus.jsonl, queries.jsonl and qrels/")
    home = Path(folder)
    passages = {passage.id: passage for passage in read_passages(home / "corpus.jsonl")}
    queries = _queries(home / "queries.jsonl")
    file = home / "qrels" / f"{qrels}.tsv"
    gold: dict[str, list[str]] = {}
    hard: dict[str, list[str]] = {}
    for row in read_table(file, "\t"):
        query, passage, relevant = _judgement(row, queries, passages)
        (gold if relevant else hard).setdefault(query, []).append(passage)
    collected, source = Collected(), Source(file, None)
    for query, ids in gold.items():
        ranking = Ranking(query, queries[query], tuple(dict.fromkeys(ids)), tuple(dict.fromkeys(hard.get(query, ()))))
        collected.rankings[source.split_of(ranking.query)].append(ranking)
    return FileWorld(spec, list(passages.values()), collected)


def _queries(file: Path) -> dict[str, str]:
    ids = Ids()
    return {ids.new(row, row.name("_id")): row.filled("text") for row in read_json_lines(file)}


def _judgement(row: Row, queries: Mapping[str, str], passages: Mapping[str, Passage]) -> tuple[str, str, bool]:
    query, passage, score = row.filled("query-id"), row.filled("corpus-id"), row.filled("score")
    if query not in queries:
        raise row.wrong("query-id", "must be an _id of queries.jsonl")
    if passage not in passages:
        raise row.wrong("corpus-id", "must be an _id of corpus.jsonl")
    if not score.lstrip("-").isdecimal():
        raise row.wrong("score", "must be a whole number")
    return query, passage, int(score) > 0
