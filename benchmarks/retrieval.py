"""Lexical retrieval in one run: ours with both scorers, tantivy, SQLite FTS5 and rank-bm25.

    python benchmarks/retrieval.py                           200,000 passages; --passages 1000000 for a million
    python benchmarks/retrieval.py --passages 20000 --json x.json

The corpus: words drawn by Zipf's law (exponent 1.05) out of 500,000, 25 to 95 a passage. The queries: five of the rarer
words of a passage and one that is in every second passage, joined by OR; ten hits. Building and asking have a process
each, whose CPU time and peak memory count. Ours answers with whole passages, read from the disk; the peers with ids.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sparring.envs.retrieval.bm25 import K1, B
from sparring.envs.retrieval.index import build_index, open_index
from sparring.envs.retrieval.reading import read_passages
from sparring.envs.retrieval.words import words_of

WORDS, EXPONENT, LENGTHS = 500_000, 1.05, (25, 95)
HITS, RARE = 10, 5
RANK_BM25_UP_TO = 200_000
WARM_UP = 20
CHUNK = 10_000
CONSONANTS, VOWELS = "bcdfghjklmnprstvwxyz", "aeiou"
Ask = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """What an engine takes."""

    engine: str
    build_cpu_seconds: float
    disk_mb: float
    build_peak_mb: float
    query_peak_mb: float
    queries: int
    """Asked within the time that each engine has."""
    cpu_ms: float
    """Of a query, on average."""
    p50_ms: float
    """Wall clock."""
    p99_ms: float
    found: float
    """Share of queries whose own passage is among the hits."""
    overlap: float
    """Share of our hits that this engine has too."""


def word(number: int) -> str:
    """A word that can be spoken, another one for each number."""
    syllables = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
    spoken = syllables[number % 100]
    while number := number // 100:
        spoken += syllables[number % 100]
    return spoken + "n"


def write_corpus(folder: Path, passages: int, queries: int, seed: int = 0) -> None:
    """Write passages as BEIR has them, and queries with the id of the passage that each was made from."""
    rng = np.random.default_rng(seed)
    weights = np.cumsum(1 / np.arange(1, WORDS + 1) ** EXPONENT)
    names = [word(number) for number in range(WORDS)]
    asked = set(rng.choice(passages, min(queries, passages), replace=False).tolist())
    with (folder / "corpus.jsonl").open("w") as corpus, (folder / "queries.jsonl").open("w") as questions:
        for at in range(passages):
            if at % CHUNK == 0:
                lengths = rng.integers(*LENGTHS, size=CHUNK, endpoint=True)
                drawn = iter(np.split(_draw(rng, weights, lengths.sum()), np.cumsum(lengths)[:-1]))
            ranks = next(drawn)
            text = " ".join(names[rank] for rank in ranks)
            corpus.write(json.dumps({"_id": str(at), "title": "", "text": text}) + "\n")
            if at in asked:
                rarest = np.unique(ranks)[-3 * RARE :]
                chosen = [names[rank] for rank in rng.choice(rarest, min(RARE, len(rarest)), replace=False)]
                questions.write(json.dumps({"id": str(at), "query": " ".join([*chosen, names[0]])}) + "\n")


def _draw(rng: np.random.Generator, weights: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    return np.minimum(np.searchsorted(weights, rng.random(count) * weights[-1]), WORDS - 1)


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of every passage."""
    return ((passage.id, passage.text) for passage in read_passages(folder / "corpus.jsonl"))


def build_bm25(folder: Path, target: Path) -> None:
    """Ours."""
    build_index(read_passages(folder / "corpus.jsonl"), target)


def build_tantivy(folder: Path, target: Path) -> None:
    """Tantivy, in our folder and with our words."""
    build_index(read_passages(folder / "corpus.jsonl"), target, "tantivy")


def build_fts5(folder: Path, target: Path) -> None:
    """SQLite, without the texts."""
    target.mkdir()
    with closing(sqlite3.connect(target / "fts5.sqlite")) as database:
        database.execute("CREATE VIRTUAL TABLE passages USING fts5(text, content='')")
        rows = ((int(id), text) for id, text in texts(folder))
        database.executemany("INSERT INTO passages(rowid, text) VALUES (?, ?)", rows)
        database.commit()


def build_rank_bm25(folder: Path, target: Path) -> None:
    """Dictionaries in Python, pickled."""
    from rank_bm25 import BM25Okapi

    target.mkdir()
    model = BM25Okapi([words_of(text) for _, text in texts(folder)], k1=K1, b=B)
    with (target / "model.pickle").open("wb") as file:
        pickle.dump(model, file, protocol=pickle.HIGHEST_PROTOCOL)


def ask_index(target: Path, scorer: Any = "auto") -> Ask:
    """Ours and tantivy."""
    index = open_index(target, scorer, full=False)
    return lambda query: [hit.passage.id for hit in index.search([query], HITS)[0]]


def ask_fts5(target: Path) -> Ask:
    """SQLite."""
    database = sqlite3.connect(target / "fts5.sqlite")
    statement = f"SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT {HITS}"

    def ask(query: str) -> list[str]:
        match = " OR ".join(f'"{name}"' for name in query.split())
        return [str(row[0]) for row in database.execute(statement, (match,))]

    return ask


def ask_rank_bm25(target: Path) -> Ask:
    """Scores of all passages, then the highest."""
    model = pickle.loads((target / "model.pickle").read_bytes())

    def ask(query: str) -> list[str]:
        scores = model.get_scores(words_of(query))
        return [str(at) for at in np.argsort(-scores, kind="stable")[:HITS]]

    return ask


BUILDS: dict[str, Callable[[Path, Path], None]] = {
    "bm25": build_bm25,
    "tantivy": build_tantivy,
    "fts5": build_fts5,
    "rank-bm25": build_rank_bm25,
}
ENGINES: dict[str, tuple[str, Callable[[Path], Ask]]] = {
    "bm25s, numpy": ("bm25", lambda target: ask_index(target, "numpy")),
    "bm25s, numba": ("bm25", lambda target: ask_index(target, "numba")),
    "tantivy": ("tantivy", ask_index),
    "SQLite FTS5": ("fts5", ask_fts5),
    "rank-bm25": ("rank-bm25", ask_rank_bm25),
}


def peak_mb() -> float:
    """The most memory that this process had, MB of 1e6 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def measure_build(folder: Path, name: str) -> dict[str, float]:
    """Build in this process."""
    start = time.process_time()
    BUILDS[name](folder, folder / name)
    size = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
    return {"cpu_seconds": time.process_time() - start, "peak_mb": peak_mb(), "disk_mb": size / 1e6}


def measure_queries(folder: Path, engine: str, seconds: float) -> dict[str, Any]:
    """Ask in this process, one query after the other, for so many seconds at most."""
    build, prepare = ENGINES[engine]
    questions = [json.loads(line) for line in (folder / "queries.jsonl").open()]
    ask = prepare(folder / build)
    for question in questions[:WARM_UP]:
        ask(question["query"])
    answers: list[list[str]] = []
    times: list[float] = []
    start, cpu = time.perf_counter(), time.process_time()
    for question in questions:
        before = time.perf_counter()
        answers.append(ask(question["query"]))
        times.append(1000 * (time.perf_counter() - before))
        if time.perf_counter() - start > seconds:
            break
    cpu_ms = 1000 * (time.process_time() - cpu) / len(answers)
    found = sum(question["id"] in ids for question, ids in zip(questions, answers, strict=False)) / len(answers)
    p50, p99 = np.percentile(times, [50, 99])
    return {"cpu_ms": cpu_ms, "p50": p50, "p99": p99, "found": found, "peak_mb": peak_mb(), "answers": answers}


def in_a_process(*words: object) -> dict[str, Any]:
    """What this script prints when it is called with these words. Raises CalledProcessError."""
    command = [sys.executable, __file__, *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def overlap(ours: list[list[str]], theirs: list[list[str]]) -> float:
    """The mean share of our hits that another engine has."""
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(ours, theirs, strict=False) if a]
    return sum(shares) / len(shares) if shares else float("nan")


def measure(folder: Path, passages: int, seconds: float) -> Iterator[Row]:
    """A row for each engine; the first one is what the others are compared with."""
    builds: dict[str, dict[str, float]] = {}
    ours: list[list[str]] = []
    for engine, (build, _) in ENGINES.items():
        if build == "rank-bm25" and passages > RANK_BM25_UP_TO:
            continue
        if build not in builds:
            builds[build] = in_a_process("--folder", folder, "--build", build)
        asked = in_a_process("--folder", folder, "--ask", engine, "--seconds", seconds)
        ours = ours or asked["answers"]
        made = builds[build]
        yield Row(
            engine=engine,
            build_cpu_seconds=made["cpu_seconds"],
            disk_mb=made["disk_mb"],
            build_peak_mb=made["peak_mb"],
            query_peak_mb=asked["peak_mb"],
            queries=len(asked["answers"]),
            cpu_ms=asked["cpu_ms"],
            p50_ms=asked["p50"],
            p99_ms=asked["p99"],
            found=asked["found"],
            overlap=overlap(ours, asked["answers"]),
        )


def show(rows: list[Row]) -> None:
    """The table."""
    table = Table("engine", "build CPU s", "disk MB", "build MB", "query MB", "CPU ms", "p50 ms", "p99 ms", "overlap")
    for row in rows:
        figures = (row.build_cpu_seconds, row.disk_mb, row.build_peak_mb, row.query_peak_mb)
        times = (row.cpu_ms, row.p50_ms, row.p99_ms, row.overlap)
        table.add_row(row.engine, *(f"{value:.1f}" for value in figures), *(f"{value:.2f}" for value in times))
    Console().print(table)


def main() -> None:
    """Measure everything, or, in a process of its own, one thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60, help="that each engine may be asked for")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "retrieval.json")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--build", choices=BUILDS, help=argparse.SUPPRESS)
    parser.add_argument("--ask", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        print(json.dumps(measure_build(options.folder, options.build)))
    elif options.ask:
        print(json.dumps(measure_queries(options.folder, options.ask, options.seconds)))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            write_corpus(Path(scratch), options.passages, options.queries)
            rows = list(measure(Path(scratch), options.passages, options.seconds))
        show(rows)
        machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
        result = {"passages": options.passages, "machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
