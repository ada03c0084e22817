"""The generated worlds of retrieval: size, time to build and to index, and whether good queries find what they should.

    python benchmarks/retrieval_worlds.py                          fiction and atlas; name others: atlas:size=large
    python benchmarks/retrieval_worlds.py fiction --json x.json

Queries of the questions themselves: the share of supports among 3 hits of BM25. Conversations: the share of the last
questions whose passage is among 10 hits, as they were asked and as they would be asked alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparring.envs.code.split_rng import SPLITS
from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.types import Question
from sparring.envs.retrieval.worlds import GeographicWorld, corpus_sha256, load_world


@dataclass(frozen=True, slots=True)
class Row:
    """What a world is."""

    world: str
    identity: str
    corpus_sha256: str
    passages: int
    withheld: int
    megabytes: float
    """Of titles and texts."""
    build_cpu_seconds: float
    index_cpu_seconds: float
    first_questions_cpu_seconds: float
    """The first questions list what can be asked; later ones take microseconds."""
    question_cpu_ms: float
    kinds: dict[str, int]
    different_questions: int
    supports_among_3: float
    rewrites_among_10: float
    asked_among_10: float


def measure(spec: str, questions: int) -> Row:
    """`questions`: of each split, and as many conversations."""
    start = time.process_time()
    world = load_world(spec)
    if not isinstance(world, GeographicWorld):
        raise SystemExit(f"a generated world is measured here, such as fiction or atlas, got {spec!r}")
    built = time.process_time()
    retriever = Bm25(world.passages)
    indexed = time.process_time()
    asked = [world.question(split, number) for split in SPLITS for number in range(questions)]
    first = time.process_time()
    rewrites, leaning = found_by_conversations(world, retriever, questions)
    return Row(
        world=spec,
        identity=world.identity,
        corpus_sha256=corpus_sha256(world.passages),
        passages=len(world.passages),
        withheld=len(world.withheld),
        megabytes=sum(len(passage.contents.encode()) for passage in world.passages) / 1e6,
        build_cpu_seconds=built - start,
        index_cpu_seconds=indexed - built,
        first_questions_cpu_seconds=first - indexed,
        question_cpu_ms=1000 * measure_questions(world, questions),
        kinds=dict(Counter(f"{question.kind} {question.hops}" for question in asked)),
        different_questions=len({question.text for question in asked}),
        supports_among_3=found_by_queries(retriever, asked),
        rewrites_among_10=rewrites,
        asked_among_10=leaning,
    )


def measure_questions(world: GeographicWorld, questions: int) -> float:
    """CPU seconds of a question, after the first ones."""
    start = time.process_time()
    for split in SPLITS:
        for number in range(questions):
            world.question(split, number)
    return (time.process_time() - start) / (2 * questions)


def found_by_queries(retriever: Bm25, questions: list[Question]) -> float:
    """The share of supports that the questions' own queries find."""
    found = []
    for question in questions:
        for support, hits in zip(question.supports, retriever.search(question.queries, 3), strict=False):
            found.append(support in [hit.passage.id for hit in hits])
    return sum(found) / len(found)


def found_by_conversations(world: GeographicWorld, retriever: Bm25, conversations: int) -> tuple[float, float]:
    """The shares that the rewrites find, and the questions as they were asked."""
    last = [world.conversation(split, number).exchanges[-1] for split in SPLITS for number in range(conversations)]
    shares = []
    for queries in ([exchange.rewrite for exchange in last], [exchange.asked for exchange in last]):
        hits = retriever.search(queries, 10)
        found = [one.gold[0] in [hit.passage.id for hit in ten] for one, ten in zip(last, hits, strict=True)]
        shares.append(sum(found) / len(found))
    return shares[0], shares[1]


def show(rows: list[Row]) -> None:
    """The table."""
    table = Table(
        "world", "passages", "MB", "build CPU s", "index CPU s", "supports in 3", "rewrites in 10", "asked in 10"
    )
    for row in rows:
        table.add_row(
            row.world,
            f"{row.passages:,}",
            f"{row.megabytes:.1f}",
            f"{row.build_cpu_seconds:.2f}",
            f"{row.index_cpu_seconds:.2f}",
            f"{row.supports_among_3:.3f}",
            f"{row.rewrites_among_10:.3f}",
            f"{row.asked_among_10:.3f}",
        )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="*", default=["fiction", "atlas"])
    parser.add_argument("--questions", type=int, default=500, help="of each split")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    rows = [measure(spec, options.questions) for spec in options.worlds]
    show(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
