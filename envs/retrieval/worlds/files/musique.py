"""MuSiQue (arXiv 2108.00573): JSON lines, the paragraphs beside each question, a supporting one for each hop.

    {"id", "question", "answer", "answer_aliases": [..], "answerable", "paragraphs": [{"idx", "title", "paragraph_text",
     "is_supporting"}, ..], "question_decomposition": [{"question", "answer", "paragraph_support_idx"}, ..]}

The full set has each answerable question again without some of its supporting paragraphs, as one that cannot be
answered. In one corpus for all questions both cannot be: of each such pair one is asked, and where that is the
unanswerable one, the paragraphs that it lacks are kept out of the corpus, unless another question needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.envs.code.split_rng import split_of
from sparring.envs.retrieval.types import Question
from sparring.envs.retrieval.worlds.files.building import Collected, Corpus, FileWorld, Ids, Source, sources_of
from sparring.envs.retrieval.worlds.files.rows import Row, read_json_lines
from sparring.envs.retrieval.worlds.proofs import Supports


@dataclass(frozen=True, slots=True)
class Read:
    """A row that was read."""

    source: Source
    question: Question
    context: frozenset[str]
    order: tuple[str, ...]


def load_musique(
    spec: str, /, file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """MuSiQue's files, the answerable set or the full one."""
    corpus, rows = Corpus(), []
    for source in sources_of("musique", file, train, held_out):
        ids = Ids()
        rows += [_read(source, row, ids, corpus) for row in read_json_lines(source.file)]
    asked, withheld = _choose(rows)
    collected = Collected()
    for read in asked:
        hard = (id_ for id_ in read.order if id_ not in withheld)
        collected.add(read.source, read.question, hard)
    return FileWorld(spec, corpus.passages(without=withheld), collected)


def _read(source: Source, row: Row, ids: Ids, corpus: Corpus) -> Read:
    answerable = row.flag("answerable") if row.has("answerable") else True
    id_ = row.filled("id")
    ids.new(row, id_ if answerable else f"{id_} (unanswerable)")
    paragraphs = {
        paragraph.whole("idx"): corpus.add(paragraph.text("title"), paragraph.filled("paragraph_text"))
        for paragraph in row.rows("paragraphs")
    }
    steps = row.rows("question_decomposition")
    supports = tuple(dict.fromkeys(_support(step, paragraphs) for step in steps)) if answerable else ()
    answers = [row.filled("answer"), *(row.texts("answer_aliases") if row.has("answer_aliases") else ())]
    question = Question(
        id=id_,
        text=row.filled("question"),
        answers=tuple(dict.fromkeys(answers)) if answerable else (),
        kind="chain" if answerable else "unanswerable",
        hops=max(1, len(steps)),
        proof=Supports(supports) if supports else None,
        supports=supports,
        queries=(),
    )
    return Read(source, question, frozenset(paragraphs.values()), tuple(paragraphs.values()))


def _support(step: Row, paragraphs: Mapping[int, str]) -> str:
    index = step.whole("paragraph_support_idx")
    if index not in paragraphs:
        raise step.wrong("paragraph_support_idx", "must be the idx of a paragraph")
    return paragraphs[index]


def _choose(rows: Sequence[Read]) -> tuple[list[Read], set[str]]:
    """What is asked, and the passages that are kept out of the corpus."""
    whole = {read.question.id: read for read in rows if read.question.answerable}
    twins = {read.question.id: read for read in rows if not read.question.answerable}
    chosen = {id_ for id_ in twins if id_ not in whole or split_of(f"twin {id_}") == "train"}
    lacking = {id_: _lacking(whole[id_], twins[id_]) for id_ in twins if id_ in whole}
    needed = {id_ for key, read in whole.items() if key not in chosen for id_ in read.question.supports}
    for id_ in twins:  # in the order of the file: each answerable question that is asked needs its passages
        if id_ in chosen and id_ in whole and not (lacking[id_] and lacking[id_].isdisjoint(needed)):
            chosen.remove(id_)
            needed |= set(whole[id_].question.supports)
    asked = [read for read in rows if read.question.answerable != (read.question.id in chosen)]
    return asked, {passage for id_ in chosen for passage in lacking.get(id_, ()) if passage not in needed}


def _lacking(whole: Read, twin: Read) -> frozenset[str]:
    return frozenset(whole.question.supports) - twin.context
