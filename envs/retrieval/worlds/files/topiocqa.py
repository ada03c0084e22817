"""TopiOCQA (arXiv 2110.00768): conversations whose topic changes.

    questions  [{"Conversation_no", "Turn_no", "Question", "Answer", ..}, ..]
    gold       [{"conv_id", "turn_id", "positive_ctxs": [{"passage_id", ..}, ..]}, ..]
    passages   a table with tabs: id, text, title

Each question from the second of a conversation on ends a conversation of its own. Nobody wrote what the questions mean
alone: `rewrite` is "".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sparring.envs.retrieval.types import Conversation, Exchange, Passage
from sparring.envs.retrieval.worlds.files.building import Collected, FileWorld, Ids, Source, sources_of
from sparring.envs.retrieval.worlds.files.rows import Row, read_json, read_table

Turn = tuple[str, int]


def load_topiocqa(
    spec: str,
    /,
    gold: str = "",
    passages: str = "",
    file: str | None = None,
    train: str | None = None,
    held_out: str | None = None,
) -> FileWorld:
    """TopiOCQA's files; `gold`: the JSON file of the retriever's data, `passages`: full_wiki_segments.tsv or a part."""
    if not gold or not passages:
        raise ValueError("the world 'topiocqa' needs gold=PATH and passages=PATH beside its questions")
    corpus = _passages(Path(passages))
    golden = _gold(Path(gold))
    collected = Collected()
    for source in sources_of("topiocqa", file, train, held_out):
        for conversation in _by_conversation(source, golden, corpus):
            split = source.split_of(f"conversation {conversation.id.partition('/')[0]}")
            collected.conversations[split].append(conversation)
    return FileWorld(spec, list(corpus.values()), collected)


def _passages(file: Path) -> dict[str, Passage]:
    ids = Ids()
    corpus = {}
    for row in read_table(file, "\t"):
        id_ = ids.new(row, row.filled("id"))
        corpus[id_] = Passage(id_, row.text("title"), row.filled("text"))
    return corpus


def _gold(file: Path) -> dict[Turn, tuple[Row, tuple[str, ...]]]:
    gold = {}
    for row in read_json(file):
        ids = tuple(context.name("passage_id") for context in row.rows("positive_ctxs"))
        gold[row.name("conv_id"), row.whole("turn_id")] = row, ids
    return gold


def _by_conversation(
    source: Source, gold: Mapping[Turn, tuple[Row, tuple[str, ...]]], corpus: Mapping[str, Passage]
) -> list[Conversation]:
    exchanges: dict[str, list[Exchange]] = {}
    topics: dict[str, str] = {}
    found, ids = [], Ids()
    for row in read_json(source.file):
        name, turn = row.name("Conversation_no"), row.whole("Turn_no")
        ids.new(row, f"{name}/{turn}")
        told, passages = gold.get((name, turn), (row, ()))
        for passage in passages:
            if passage not in corpus:
                raise told.wrong("positive_ctxs", f"must name passages of the table, and {passage!r:.40} is none")
        topic = row.text("Topic") if row.has("Topic") else ""
        switches = bool(exchanges.get(name)) and topic != topics.get(name, topic)
        topics[name] = topic
        exchange = Exchange(row.filled("Question"), "", row.text("Answer"), passages, switches)
        exchanges.setdefault(name, []).append(exchange)
        if len(exchanges[name]) > 1 and passages:
            found.append(Conversation(f"{name}/{turn}", tuple(exchanges[name])))
    return found
