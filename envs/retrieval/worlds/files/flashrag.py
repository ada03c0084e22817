"""Questions with answers and a corpus apart from them: FlashRAG's JSON lines, Search-R1's parquet, SIM-RAG's CSV.

    FlashRAG   {"id", "question", "golden_answers": [..]}
    Search-R1  columns id, question, golden_answers; or prompt (a list of messages) and reward_model.ground_truth.target
    SIM-RAG    ID,Question,Answers,Documents; the last two are Python lists of texts: answers, titles of passages

The corpus is a file of JSON lines, {"id", "contents"} or {"_id", "title", "text"}. Only SIM-RAG's rows name passages;
in the others a passage that mentions an answer counts, which is weak.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sparring.envs.retrieval.reading import read_passages
from sparring.envs.retrieval.types import Proof, Question
from sparring.envs.retrieval.worlds.files.building import Collected, FileWorld, Ids, Source, sources_of
from sparring.envs.retrieval.worlds.files.rows import BadFile, Row, read_json_lines, read_table
from sparring.envs.retrieval.worlds.proofs import Mention, Supports
from sparring.registry import MissingExtra, installed

LONGEST_LITERAL = 100_000
"""Characters of a Python literal in a CSV file."""
Titles = Mapping[str, str]
"""Ids of passages by title."""


def load_flashrag(
    spec: str, /, corpus: str = "", file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """FlashRAG's files."""
    return _load(spec, "flashrag", corpus, sources_of("flashrag", file, train, held_out), read_json_lines, _flashrag)


def load_search_r1(
    spec: str, /, corpus: str = "", file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """Search-R1's files. Raises MissingExtra with the command that installs the reader of parquet."""
    return _load(spec, "search-r1", corpus, sources_of("search-r1", file, train, held_out), _read_parquet, _search_r1)


def load_sim_rag(
    spec: str, /, corpus: str = "", file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """SIM-RAG's files."""
    return _load(spec, "sim-rag", corpus, sources_of("sim-rag", file, train, held_out), _read_csv, _sim_rag)


def _load(
    spec: str,
    world: str,
    corpus: str,
    sources: Iterable[Source],
    read: Callable[[Path], Sequence[Row]],
    question_of: Callable[[Row, Titles], Question],
) -> FileWorld:
    if not corpus:
        raise ValueError(f"the world {world!r} needs corpus=PATH, a file with a passage a line")
    passages = list(read_passages(Path(corpus)))
    titles: dict[str, str] = {}
    for passage in passages:
        titles.setdefault(passage.title, passage.id)
    collected = Collected()
    for source in sources:
        ids = Ids()
        for row in read(source.file):
            question = question_of(row, titles)
            ids.new(row, question.id)
            collected.add(source, question)
    return FileWorld(spec, passages, collected)


def _flashrag(row: Row, titles: Titles) -> Question:
    return _question(row, row.name("id"), row.filled("question"), row.texts("golden_answers"), "golden_answers")


def _question(
    row: Row, id_: str, text: str, answers: Iterable[str], field: str, supports: tuple[str, ...] = ()
) -> Question:
    said = tuple(dict.fromkeys(answer for answer in answers if answer.strip()))
    if not said:
        raise row.wrong(field, "must hold an answer")
    proof: Proof = Supports(supports) if supports else Mention(said)
    return Question(id_, text, said, "other", max(1, len(supports)), proof, supports)


def _search_r1(row: Row, titles: Titles) -> Question:
    id_ = row.name("id") if row.has("id") else row.place.rpartition(" ")[2]
    if row.has("golden_answers"):
        return _question(row, id_, _asked(row), row.texts("golden_answers"), "golden_answers")
    truth = row.row("reward_model").row("ground_truth")
    target = truth.value("target")
    answers = [target] if isinstance(target, str) else truth.texts("target")
    return _question(row, id_, _asked(row), answers, "reward_model")


def _asked(row: Row) -> str:
    """The question; the prompt ends with it."""
    if row.has("question"):
        return row.filled("question")
    messages = row.rows("prompt")
    text = messages[-1].text("content") if messages else ""
    asked = text.rpartition("Question:")[2].strip()
    if "Question:" not in text or not asked:
        raise row.wrong("prompt", "must end with a message with 'Question: ...'")
    return asked


def _read_parquet(file: Path) -> Sequence[Row]:
    if not installed("pyarrow"):
        raise MissingExtra("pyarrow is not installed: run `pip install pyarrow` to read parquet files")
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    if not file.exists():
        raise FileNotFoundError(2, "No such file or directory", str(file))
    try:
        rows = parquet.read_table(file).to_pylist()
    except (arrow.ArrowException, ValueError) as error:
        raise BadFile(f"{file} is no parquet file: {' '.join(str(error).split())}") from error
    if not rows:
        raise BadFile(f"{file} holds no rows")
    return [Row(f"{file}, row {number}", values) for number, values in enumerate(rows, 1)]


def _read_csv(file: Path) -> Sequence[Row]:
    return read_table(file, ",")


def _sim_rag(row: Row, titles: Titles) -> Question:
    documents = _literal(row, "Documents")
    supports = tuple(dict.fromkeys(titles[title] for title in documents if title in titles))
    known = all(title in titles for title in documents)
    return _question(
        row, row.filled("ID"), row.filled("Question"), _literal(row, "Answers"), "Answers", supports if known else ()
    )


def _literal(row: Row, field: str) -> list[str]:
    """A Python list of texts; only literals are read, nothing is run."""
    written = row.text(field)
    if len(written) > LONGEST_LITERAL:
        raise BadFile(f"{row.place}: the field {field!r} must have at most {LONGEST_LITERAL} characters")
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise row.wrong(field, "must be a Python list of texts") from error
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise row.wrong(field, "must be a Python list of texts")
    return value
