"""HotpotQA (arXiv 1809.09600) and 2WikiMultihopQA (arXiv 2011.01060): the paragraphs stand beside each question.

    {"_id", "question", "answer", "type", "supporting_facts": [[title, sentence], ..],
     "context": [[title, [sentences]], ..]}

The variant of dataset hubs has "id", and objects of columns in place of the lists of pairs. 2WikiMultihopQA also has
"evidences": [[subject, relation, object], ..]. The corpus is made of all paragraphs of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.envs.retrieval.types import Kind, Proof, Question, Triple
from sparring.envs.retrieval.worlds.files.building import Collected, Corpus, FileWorld, Ids, Source, sources_of
from sparring.envs.retrieval.worlds.files.rows import Row, read_json
from sparring.envs.retrieval.worlds.proofs import AllTriples, Supports, mentions

COMPARISONS = {"comparison": 1, "bridge_comparison": 2}
"""Kinds of questions that compare, and the length of their chains."""


def load_hotpotqa(
    spec: str, /, file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """HotpotQA's files. A question is proved by its supporting paragraphs."""
    return _load(spec, sources_of("hotpotqa", file, train, held_out), evidences=False)


def load_2wiki(
    spec: str, /, file: str | None = None, train: str | None = None, held_out: str | None = None
) -> FileWorld:
    """2WikiMultihopQA's files. A question is proved by its evidences: a fact counts in every passage that has it."""
    return _load(spec, sources_of("2wiki", file, train, held_out), evidences=True)


def _load(spec: str, sources: Sequence[Source], evidences: bool) -> FileWorld:
    corpus, collected = Corpus(), Collected()
    for source in sources:
        ids = Ids()
        for row in read_json(source.file):
            question, context = _read(row, ids, corpus, evidences)
            collected.add(source, question, hard=context)
    return FileWorld(spec, corpus.passages(), collected)


def _read(row: Row, ids: Ids, corpus: Corpus, evidences: bool) -> tuple[Question, Sequence[str]]:
    """The question, and ids of all passages that stand beside it."""
    id_ = ids.new(row, row.name("_id" if row.has("_id") or not row.has("id") else "id"))
    kind = row.text("type") if row.has("type") else ""
    context = {title: corpus.add(title, text) for title, text in _context(row)}
    titles = list(dict.fromkeys(_support_titles(row)))
    for title in titles:
        if title not in context:
            raise row.wrong("supporting_facts", f"must name titles of the context, and {title!r:.60} is none")
    supports = {title: context[title] for title in titles}
    triples = _triples(row) if evidences else []
    proof, chain = _proof(corpus, supports, dict(_context(row)), triples), max(1, len(triples or supports))
    return Question(
        id=id_,
        text=row.filled("question"),
        answers=(row.filled("answer"),),
        kind=_kind(kind),
        hops=COMPARISONS.get(kind, chain),
        proof=proof,
        supports=tuple(supports.values()),
        queries=tuple(titles),
    ), list(context.values())


def _kind(kind: str) -> Kind:
    return "comparison" if kind in COMPARISONS else "chain"


def _context(row: Row) -> list[tuple[str, str]]:
    if isinstance(row.value("context"), dict):
        columns = row.row("context")
        titles, texts = columns.texts("title"), columns.items("sentences")
        if len(titles) != len(texts):
            raise columns.wrong("sentences", f"must have one list for each of the {len(titles)} titles")
        pairs: list[object] = [list(pair) for pair in zip(titles, texts, strict=True)]
    else:
        pairs = list(row.items("context"))
    return [_paragraph(row, pair) for pair in pairs]


def _paragraph(row: Row, pair: object) -> tuple[str, str]:
    match pair:
        case [str(title), [*sentences]] if all(isinstance(sentence, str) for sentence in sentences):
            text = "".join(map(str, sentences))
            return title, " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    raise row.wrong("context", "must be a list of [title, [sentences]]")


def _support_titles(row: Row) -> list[str]:
    if isinstance(row.value("supporting_facts"), dict):
        return row.row("supporting_facts").texts("title")
    titles = []
    for fact in row.items("supporting_facts"):
        match fact:
            case [str(title), int()]:
                titles.append(title)
            case _:
                raise row.wrong("supporting_facts", "must be a list of [title, number of a sentence]")
    return titles


def _triples(row: Row) -> list[Triple]:
    triples = []
    for evidence in row.items("evidences"):
        match evidence:
            case [str(subject), str(relation), str(object_)]:
                triples.append(Triple(subject, relation, object_))
            case _:
                raise row.wrong("evidences", "must be a list of [subject, relation, object]")
    return triples


def _proof(
    corpus: Corpus, supports: Mapping[str, str], texts: Mapping[str, str], triples: Sequence[Triple]
) -> Proof | None:
    """Every evidence is noted on the supporting passage that tells it; where one has none, the passages count."""
    homes = [_home(triple, supports, texts) for triple in triples]
    for triple, home in zip(triples, homes, strict=True):
        if home is not None:
            corpus.prove(home, triple)
    if triples and None not in homes and set(homes) == set(supports.values()):
        return AllTriples(tuple(triples))
    return Supports(tuple(supports.values())) if supports else None


def _home(triple: Triple, supports: Mapping[str, str], texts: Mapping[str, str]) -> str | None:
    if triple.subject in supports:
        return supports[triple.subject]
    for title, id_ in supports.items():
        whole = f"{title} {texts[title]}"
        if mentions(whole, [triple.subject]) and mentions(whole, [triple.object]):
            return id_
    return None
