"""TriviaQA (arXiv 1705.03551): questions with aliases; the evidence is text files beside them.

    {"Data": [{"QuestionId", "Question", "Answer": {"Value", "Aliases": [..]},
               "EntityPages": [{"Title", "Filename"}, ..], "SearchResults": [..]}, ..]}

Nobody marked which passage proves an answer: a passage that mentions one counts, which is weak.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sparring.envs.retrieval.types import Question
from sparring.envs.retrieval.worlds.files.building import Collected, Corpus, FileWorld, Ids, sources_of
from sparring.envs.retrieval.worlds.files.rows import BadFile, Row, read_json
from sparring.envs.retrieval.worlds.proofs import Mention

WORDS = 100
"""Of a passage, as in the usual cut of Wikipedia."""


def load_triviaqa(
    spec: str, /, evidence: str = "", file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """TriviaQA's files; `evidence`: the folder with the text files that they name."""
    if not evidence:
        raise ValueError("the world 'triviaqa' needs evidence=FOLDER, with the text files that its rows name")
    corpus, collected = Corpus(), Collected()
    for source in sources_of("triviaqa", file, train, held_out):
        ids = Ids()
        for row in read_json(source.file, "Data"):
            answer = row.row("Answer")
            aliases = answer.texts("Aliases") if answer.has("Aliases") else []
            answers = tuple(dict.fromkeys([answer.filled("Value"), *aliases]))
            id_ = ids.new(row, row.filled("QuestionId"))
            question = Question(id_, row.filled("Question"), answers, "other", 1, Mention(answers))
            collected.add(source, question)
            for page in _pages(row):
                _add_page(corpus, Path(evidence), page)
    return FileWorld(spec, corpus.passages(), collected)


def _pages(row: Row) -> Iterator[Row]:
    for field in ("EntityPages", "SearchResults"):
        if row.has(field):
            yield from (page for page in row.rows(field) if page.has("Filename"))


def _add_page(corpus: Corpus, folder: Path, page: Row) -> None:
    name = page.filled("Filename")
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise page.wrong("Filename", f"must name a file in the folder {folder}")
    try:
        words = file.read_bytes().decode("utf-8", "replace").split()
    except (OSError, ValueError) as error:
        raise BadFile(f"{page.place}: the evidence file {name!r:.80} is not in the folder {folder}") from error
    for start in range(0, len(words), WORDS):
        corpus.add(page.filled("Title"), " ".join(words[start : start + WORDS]))
