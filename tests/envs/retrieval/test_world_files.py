"""Worlds out of files in the shapes in which their authors published them, and out of files that are not."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from sparring.envs.code.split_rng import SPLITS, Split
from sparring.envs.retrieval.types import Conversation, Question, World
from sparring.envs.retrieval.worlds import load_world
from sparring.envs.retrieval.worlds.files.rows import BadFile
from sparring.registry import MissingExtra, installed

HOTPOT: list[dict[str, Any]] = [
    {
        "_id": "5a8b57f25542995d1e6f1371",
        "question": "Which city does the airport of the town Arvo serve?",
        "answer": "Belmo",
        "type": "bridge",
        "level": "hard",
        "supporting_facts": [["Arvo", 0], ["Arvo Field", 1]],
        "context": [
            ["Arvo", ["Arvo is a town.", " Its airport is Arvo Field."]],
            ["Arvo Field", ["Arvo Field is an airport.", " It serves Belmo."]],
            ["Corda", ["Corda is a river."]],
        ],
    },
    {
        "_id": "5a8c7595554299585d9e36b6",
        "question": "Are Corda and Delvo both rivers?",
        "answer": "yes",
        "type": "comparison",
        "level": "easy",
        "supporting_facts": [["Corda", 0], ["Delvo", 0]],
        "context": [
            ["Corda", ["Corda is a river."]],
            ["Delvo", ["Delvo is a river."]],
            ["Arvo", ["Arvo is another text under the same title."]],
        ],
    },
]
TWO_WIKI: list[dict[str, Any]] = [
    {
        "_id": "13f5ad2c088c11ebbd6fac1f6bf848b6",
        "type": "compositional",
        "question": "Where was the director of the film Ember born?",
        "answer": "Lund",
        "supporting_facts": [["Ember", 0], ["Ida Holm", 0]],
        "evidences": [["Ember", "director", "Ida Holm"], ["Ida Holm", "place of birth", "Lund"]],
        "context": [
            ["Ember", ["Ember is a film by Ida Holm."]],
            ["Ida Holm", ["Ida Holm was born in Lund."]],
            ["Lund", ["Lund is a city."]],
        ],
    }
]
MUSIQUE: list[dict[str, Any]] = [
    {
        "id": f"2hop__{number}",
        "question": f"Who founded the seat of club {number}?",
        "answer": f"Founder {number}",
        "answer_aliases": [f"F. {number}"],
        "answerable": True,
        "paragraphs": [
            {
                "idx": 0,
                "title": f"Club {number}",
                "paragraph_text": f"It sits in town {number}.",
                "is_supporting": True,
            },
            {
                "idx": 1,
                "title": f"Town {number}",
                "paragraph_text": f"Founder {number} founded it.",
                "is_supporting": True,
            },
            {"idx": 2, "title": "Other", "paragraph_text": "Nothing of it.", "is_supporting": False},
        ],
        "question_decomposition": [
            {
                "id": 1,
                "question": f"club {number} >> seat",
                "answer": f"town {number}",
                "paragraph_support_idx": 0,
            },
            {"id": 2, "question": "who founded #1", "answer": f"Founder {number}", "paragraph_support_idx": 1},
        ],
    }
    for number in range(12)
]


def twin_of(row: dict[str, Any]) -> dict[str, Any]:
    """As MuSiQue-Full writes it: a supporting paragraph is another one, and the last step has no support."""
    paragraphs = [row["paragraphs"][0], {**row["paragraphs"][2], "idx": 1}]
    steps = [row["question_decomposition"][0], {**row["question_decomposition"][1], "paragraph_support_idx": None}]
    return {**row, "answerable": False, "paragraphs": paragraphs, "question_decomposition": steps}


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), "utf-8")
    return file


def write_lines(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def questions_of(world: World) -> dict[str, Question]:
    found = {}
    for split in SPLITS:
        for number in range(60):
            with contextlib.suppress(ValueError):  # a few questions may all be of the other split
                question = world.question(split, number)
                found[question.id] = question
    return found


def conversations_of(world: World, split: Split) -> list[Conversation]:
    found = {world.conversation(split, number).id: world.conversation(split, number) for number in range(20)}
    return list(found.values())


def passages_of(world: World, *ids: str) -> list[Any]:
    return [passage for passage in world.passages if passage.id in ids]


def test_hotpotqa_is_proved_by_its_supporting_paragraphs(tmp_path: Path) -> None:
    world = load_world(f"hotpotqa:file={write(tmp_path / 'hotpot_dev_distractor_v1.json', HOTPOT)}")
    assert [passage.id for passage in world.passages] == ["Arvo", "Arvo Field", "Corda", "Delvo", "Arvo #2"]
    assert world.passages[0].text == "Arvo is a town. Its airport is Arvo Field."
    bridge, comparison = (questions_of(world)[row["_id"]] for row in HOTPOT)
    assert (bridge.kind, bridge.hops, bridge.answers) == ("chain", 2, ("Belmo",))
    assert (comparison.kind, comparison.hops, comparison.answers) == ("comparison", 1, ("yes",))
    assert bridge.proof is not None
    assert bridge.proof.strength == "supports"
    assert bridge.supports == ("Arvo", "Arvo Field")
    assert bridge.proof.holds(passages_of(world, "Arvo", "Arvo Field", "Corda"))
    assert not bridge.proof.holds(passages_of(world, "Arvo #2", "Arvo Field"))


def shared_files(tmp_path: Path, *supports: str) -> str:
    """Two splits of HotpotQA: one training question on Arvo and Arvo Field, held-out ones on these paragraphs."""
    held_out = [
        {**HOTPOT[0], "_id": str(place), "question": f"What of {title}, {place}?", "supporting_facts": [[title, 0]]}
        for place, title in enumerate(supports)
    ]
    train = [HOTPOT[0], {**HOTPOT[0], "_id": "twin", "question": f"What  of {supports[0].upper()}, 0?"}]
    return f"hotpotqa:train={write(tmp_path / 'a.json', train)}:held_out={write(tmp_path / 'b.json', held_out)}"


def test_paragraphs_may_be_in_both_splits_which_is_said_and_questions_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="sparring"):
        world = load_world(shared_files(tmp_path, "Arvo", "Corda"))
    said = "1 of 2 held-out questions rest on passages that training questions rest on too; no question is in both"
    assert said in caplog.text
    assert world.notes[0].startswith(said)  # type: ignore[attr-defined]
    asked = {split: {world.question(split, number).text for number in range(4)} for split in SPLITS}
    assert asked["train"] == {HOTPOT[0]["question"]}
    assert asked["held_out"] == {"What of Arvo, 0?", "What of Corda, 1?"}


def test_splits_that_share_no_supporting_paragraph_need_no_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="sparring"):
        assert load_world(shared_files(tmp_path, "Corda")).notes == ()  # type: ignore[attr-defined]
    assert "held-out" not in caplog.text


def test_the_hubs_variant_of_hotpotqa_is_the_same_world(tmp_path: Path) -> None:
    rows = [
        {
            "id": row["_id"],
            **{field: row[field] for field in ("question", "answer", "type", "level")},
            "supporting_facts": {
                "title": [title for title, _ in row["supporting_facts"]],
                "sent_id": [sentence for _, sentence in row["supporting_facts"]],
            },
            "context": {
                "title": [title for title, _ in row["context"]],
                "sentences": [sentences for _, sentences in row["context"]],
            },
        }
        for row in HOTPOT
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    original = load_world(f"hotpotqa:file={write(tmp_path / 'a.json', HOTPOT)}")
    for variant in (
        write(tmp_path / "b.json", rows),
        write_lines(tmp_path / "c.jsonl", rows),
        write(tmp_path / "d.json", columns),
    ):
        world = load_world(f"hotpotqa:file={variant}")
        assert list(world.passages) == list(original.passages)
        assert questions_of(world) == questions_of(original)


def test_2wiki_is_proved_by_its_evidences_wherever_they_stand(tmp_path: Path) -> None:
    other = {
        **TWO_WIKI[0],
        "_id": "second",
        "question": "Where was the maker of Ember born?",
        "context": [["Ember", ["Ida Holm made Ember."]], ["Ida Holm", ["Ida Holm was born in Lund."]]],
    }
    world = load_world(f"2wiki:file={write(tmp_path / 'dev.json', [*TWO_WIKI, other])}")
    question = questions_of(world)[TWO_WIKI[0]["_id"]]
    assert question.proof is not None
    assert (question.proof.strength, question.hops) == ("derivation", 2)
    assert question.proof.holds(passages_of(world, "Ember", "Ida Holm"))
    assert question.proof.holds(passages_of(world, "Ember #2", "Ida Holm"))  # another passage with the same fact
    assert not question.proof.holds(passages_of(world, "Ember", "Ember #2", "Lund"))


def test_evidence_without_a_passage_leaves_the_supporting_paragraphs(tmp_path: Path) -> None:
    row = {**TWO_WIKI[0], "evidences": [["Ember", "director", "Ida Holm"], ["Nobody", "place of birth", "Nowhere"]]}
    (question,) = questions_of(load_world(f"2wiki:file={write(tmp_path / 'dev.json', [row])}")).values()
    assert question.proof is not None
    assert question.proof.strength == "supports"


def test_musique_is_proved_hop_by_hop(tmp_path: Path) -> None:
    world = load_world(f"musique:file={write_lines(tmp_path / 'musique_ans_v1.0_dev.jsonl', MUSIQUE)}")
    question = questions_of(world)["2hop__3"]
    assert question.answers == ("Founder 3", "F. 3")
    assert question.supports == ("Club 3", "Town 3")
    assert question.proof is not None
    assert question.proof.holds(passages_of(world, "Club 3", "Town 3"))
    assert not question.proof.holds(passages_of(world, "Club 3", "Other"))


def test_of_musiques_twins_one_is_asked_and_the_corpus_fits_it(tmp_path: Path) -> None:
    rows = [row for whole in MUSIQUE for row in (whole, twin_of(whole))]
    world = load_world(f"musique:file={write_lines(tmp_path / 'musique_full_v1.0_dev.jsonl', rows)}")
    questions = questions_of(world)
    assert set(questions) == {row["id"] for row in MUSIQUE}
    kinds = [question.kind for question in questions.values()]
    assert {"chain", "unanswerable"} == set(kinds)
    ids = {passage.id for passage in world.passages}
    for question in questions.values():
        number = question.id.removeprefix("2hop__")
        assert (f"Town {number}" in ids) == question.answerable
        assert question.answerable == (question.kind == "chain")
        assert question.proof is None or question.proof.holds(world.passages)


def test_triviaqa_is_proved_by_a_mention(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "Ember.txt").write_text("filler " * 150 + "Ida Holm made it. " + "filler " * 30, "utf-8")
    row = {
        "QuestionId": "tc_2",
        "Question": "Who made Ember?",
        "QuestionSource": "http://www.example.org/",
        "Answer": {"Value": "Ida Holm", "Aliases": ["I. Holm"], "NormalizedAliases": ["i holm"], "Type": "x"},
        "EntityPages": [{"DocSource": "TagMe", "Filename": "Ember.txt", "Title": "Ember"}],
        "SearchResults": [],
    }
    file = write(tmp_path / "wikipedia-dev.json", {"Data": [row], "Domain": "Wikipedia", "Version": 1.0})
    world = load_world(f"triviaqa:file={file}:evidence={evidence}")
    (question,) = questions_of(world).values()
    assert question.proof is not None
    assert (question.proof.strength, question.answers) == ("mention", ("Ida Holm", "I. Holm"))
    assert [passage.id for passage in world.passages] == ["Ember", "Ember #2"]
    assert [question.proof.holds([passage]) for passage in world.passages] == [False, True]
    outside = write(tmp_path / "x.json", {"Data": [{**row, "EntityPages": [{"Filename": "../x.json", "Title": "T"}]}]})
    with pytest.raises(BadFile, match=r"row 1: the field 'EntityPages', item 1: the field 'Filename' must name a file"):
        load_world(f"triviaqa:file={outside}:evidence={evidence}")
    gone = write(tmp_path / "y.json", {"Data": [{**row, "EntityPages": [{"Filename": "no.txt", "Title": "T"}]}]})
    with pytest.raises(BadFile, match=r"the evidence file 'no.txt' is not in the folder"):
        load_world(f"triviaqa:file={gone}:evidence={evidence}")


def topiocqa(tmp_path: Path) -> dict[str, Path]:
    said = [("who made ember?", "Ember"), ("where was she born?", "Ida Holm"), ("is it old?", "Lund")]
    rows = [
        {
            "Conversation_no": 7,
            "Turn_no": turn,
            "Question": question,
            "Answer": f"answer {turn}",
            "Topic": topic,
            "Topic_section": "Introduction",
            "Context": [],
        }
        for turn, (question, topic) in enumerate(said, 1)
    ]
    gold = [
        {
            "conv_id": 7,
            "turn_id": turn,
            "question": "x",
            "positive_ctxs": [{"title": "t", "passage_id": f"wiki:{turn}"}],
        }
        for turn in (1, 2, 3)
    ]
    table = tmp_path / "full_wiki_segments.tsv"
    table.write_text(
        "id\ttext\ttitle\n" + "".join(f'wiki:{n}\t"text ""{n}"""\ttitle {n}\n' for n in range(1, 6)), "utf-8"
    )
    return {
        "held_out": write(tmp_path / "dev.json", rows),
        "gold": write(tmp_path / "gold.json", gold),
        "passages": table,
    }


def test_topiocqa_gives_a_conversation_for_each_question_but_the_first(tmp_path: Path) -> None:
    files = topiocqa(tmp_path)
    world = load_world("topiocqa:" + ":".join(f"{option}={file}" for option, file in files.items()))
    conversations = conversations_of(world, "held_out")
    assert [conversation.id for conversation in conversations] == ["7/2", "7/3"]
    last = conversations[1].exchanges[-1]
    assert (last.asked, last.answer, last.gold, last.rewrite) == ("is it old?", "answer 3", ("wiki:3",), "")
    assert [exchange.switches_topic for exchange in conversations[1].exchanges] == [False, True, True]
    assert world.passages[0].text == 'text "1"'
    with pytest.raises(ValueError, match="has no questions of the split 'held_out'"):
        world.question("held_out", 0)


def corpus(tmp_path: Path) -> Path:
    rows = [
        {"id": "0", "contents": "Ember\nEmber is a film by Ida Holm."},
        {"id": "1", "contents": "Ida Holm\nIda Holm was born in Lund."},
        {"id": "2", "contents": "Lund\nLund is a city."},
    ]
    return write_lines(tmp_path / "corpus.jsonl", rows)


def test_flashrag_is_questions_and_a_corpus(tmp_path: Path) -> None:
    rows = [
        {"id": "dev_0", "question": "who made ember", "golden_answers": ["Ida Holm"], "metadata": {}},
        {"id": "dev_1", "question": "where is lund", "golden_answers": ["Scania", "Skåne"]},
    ]
    world = load_world(f"flashrag:held_out={write_lines(tmp_path / 'dev.jsonl', rows)}:corpus={corpus(tmp_path)}")
    questions = questions_of(world)
    assert questions["dev_1"].answers == ("Scania", "Skåne")
    proof = questions["dev_0"].proof
    assert proof is not None
    assert proof.strength == "mention"
    assert proof.holds(passages_of(world, "0"))
    with pytest.raises(ValueError, match="has no questions of the split 'train'"):
        world.question("train", 0)


@pytest.mark.skipif(not installed("pyarrow"), reason="pyarrow reads parquet files: pip install pyarrow")
def test_search_r1_takes_the_question_from_its_column_or_from_the_prompt(tmp_path: Path) -> None:
    import pandas

    truth = {"style": "rule", "ground_truth": {"target": ["Ida Holm"]}}
    prompt = [{"role": "user", "content": "Answer the given question. For example, <answer> Beijing </answer>. "
               "Question: who made ember?\n"}]  # fmt: skip
    frame = pandas.DataFrame([{"id": "train_0", "data_source": "nq", "prompt": prompt, "reward_model": truth}])
    frame.to_parquet(tmp_path / "train.parquet")
    full = frame.assign(question=["who made ember?"], golden_answers=[["Ida Holm"]])
    full.to_parquet(tmp_path / "full.parquet")
    passages = corpus(tmp_path)
    for name in ("train", "full"):
        (question,) = questions_of(load_world(f"search-r1:file={tmp_path / name}.parquet:corpus={passages}")).values()
        assert (question.id, question.text, question.answers) == ("train_0", "who made ember?", ("Ida Holm",))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(BadFile, match=r"bad.parquet is no parquet file"):
        load_world(f"search-r1:file={tmp_path / 'bad.parquet'}:corpus={passages}")


def test_without_the_reader_of_parquet_its_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.envs.retrieval.worlds.files.flashrag.installed", lambda module: False)
    with pytest.raises(MissingExtra, match="pip install pyarrow"):
        load_world(f"search-r1:file={tmp_path / 'train.parquet'}:corpus={corpus(tmp_path)}")


def sim_rag(file: Path, *rows: tuple[str, str, str, str]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as content:
        csv.writer(content).writerows([("ID", "Question", "Answers", "Documents"), *rows])
    return file


def test_sim_rag_reads_python_lists_and_finds_passages_by_title(tmp_path: Path) -> None:
    rows = [
        ("q1", "Where was the maker\nof Ember born?", "['Lund', \"Lund's\"]", "['Ember', 'Ida Holm']"),
        ("q2", "Who?", "['Ida Holm']", "['A title that the corpus lacks']"),
        ("q3", "What\x85is\u2028that?", "['Ida\x85Holm']", "['Lund']"),  # no ends of lines in CSV; TriviaQA has such
    ]
    world = load_world(f"sim-rag:file={sim_rag(tmp_path / 'dev.csv', *rows)}:corpus={corpus(tmp_path)}")
    questions = questions_of(world)
    assert questions["q1"].answers == ("Lund", "Lund's")
    assert questions["q1"].supports == ("0", "1")
    assert questions["q3"].answers == ("Ida\x85Holm",)
    proofs = [questions[id_].proof for id_ in ("q1", "q2")]
    assert [proof and proof.strength for proof in proofs] == ["supports", "mention"]


@pytest.mark.parametrize("literal", ["__import__('os').system('true')", "[" * 5000, "{'a': 1}", "['a', 3]", "", "[1"])
def test_sim_rags_lists_are_read_and_never_run(tmp_path: Path, literal: str) -> None:
    file = sim_rag(tmp_path / "dev.csv", ("q1", "Who?", literal, "[]"))
    with pytest.raises(BadFile, match=r"dev.csv, row 2: the field 'Answers' must be a Python list of texts") as caught:
        load_world(f"sim-rag:file={file}:corpus={corpus(tmp_path)}")
    assert len(str(caught.value)) < 300


def beir(home: Path) -> Path:
    (home / "qrels").mkdir(parents=True)
    passages = [{"_id": f"d{n}", "title": f"t{n}", "text": f"text {n}", "metadata": {}} for n in range(8)]
    write_lines(home / "corpus.jsonl", passages)
    write_lines(home / "queries.jsonl", [{"_id": f"q{n}", "text": f"query {n}", "metadata": {}} for n in range(6)])
    lines = [f"q{n}\td{n}\t1" for n in range(6)] + ["q0\td7\t0"]
    (home / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n", "utf-8")
    return home


def test_beir_has_pools_and_no_questions(tmp_path: Path) -> None:
    world = load_world(f"beir:folder={beir(tmp_path / 'scifact')}")
    seen = {}
    for split in SPLITS:
        for number in range(12):
            pool = world.pool(split, number, 4)
            ids = [candidate.id for candidate in pool.candidates]
            assert len(set(ids)) == 4
            assert set(pool.gold) < set(ids)
            assert pool.gold == (f"d{pool.query.removeprefix('query ')}",)
            if pool.query == "query 0":
                assert "d7" in ids  # judged, and not relevant
            seen[pool.query] = seen.get(pool.query, split)
            assert seen[pool.query] == split
    assert set(seen) == {f"query {n}" for n in range(6)}
    with pytest.raises(ValueError, match="has no questions"):
        world.question("train", 0)
    with pytest.raises(ValueError, match="size of a pool must be 2 to 8, got 9"):
        world.pool("train", 0, 9)


def test_pools_of_questions_hold_the_paragraphs_beside_them(tmp_path: Path) -> None:
    world = load_world(f"musique:train={write_lines(tmp_path / 'train.jsonl', MUSIQUE)}")
    for number in range(12):
        pool = world.pool("train", number, 4)
        assert "Other" in [candidate.id for candidate in pool.candidates]
        assert len(pool.gold) == 2
        assert world.pool("train", number, 2).gold == pool.gold[:1]


def test_a_question_of_both_files_is_held_out(tmp_path: Path) -> None:
    train = write_lines(tmp_path / "train.jsonl", MUSIQUE)
    held_out = write_lines(tmp_path / "dev.jsonl", MUSIQUE[:4])
    world = load_world(f"musique:train={train}:held_out={held_out}")
    texts = {split: {world.question(split, number).text for number in range(24)} for split in SPLITS}
    assert not texts["train"] & texts["held_out"]
    assert len(texts["train"]) == 8


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = write(tmp_path / "dev.json", HOTPOT)
    assert len(load_world(f"hotpotqa:file={file}").passages) == 5
    assert load_world(f"hotpotqa:file={file}") is load_world(f"hotpotqa:file={file}")
    write(file, HOTPOT[:1])
    assert len(load_world(f"hotpotqa:file={file}").passages) == 3


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no JSON file"),
        ("not json", "is no JSON file"),
        ("[" * 100_000, "is no JSON file"),
        ("[]", "holds no rows"),
        ("3", "must hold a list of rows"),
        ('{"a": 1}', "must hold a list of rows"),
        ("[3]", "row 1: it must be an object with fields, got 3"),
        (json.dumps([without(HOTPOT[0], "answer")]), "row 1: the field 'answer' is missing; there are _id, question"),
        (json.dumps([HOTPOT[1], {**HOTPOT[0], "answer": 5}]), "row 2: the field 'answer' must be text, got 5"),
        (json.dumps([{**HOTPOT[0], "answer": " "}]), "row 1: the field 'answer' must not be empty"),
        (json.dumps([HOTPOT[0], HOTPOT[0]]), "row 2: the id '5a8b57f25542995d1e6f1371' is that of "),
        (json.dumps([{**HOTPOT[0], "context": [["Arvo"]]}]), "the field 'context' must be a list of [title, [sent"),
        (json.dumps([{**HOTPOT[0], "context": "x" * 999}]), "row 1: the field 'context' must be a list, got 'xxx"),
        (json.dumps([{**HOTPOT[0], "supporting_facts": [["No", 1]]}]), "must name titles of the context, and 'No' is"),
        (json.dumps([{**HOTPOT[0], "supporting_facts": [[1]]}]), "must be a list of [title, number of a sentence]"),
        ('[{"_id": "\ud800"}]'.encode("utf-8", "surrogatepass"), "is no text in UTF-8: byte 10 is none"),
    ],
)
def test_a_wrong_file_gets_one_line_with_file_row_and_field(tmp_path: Path, content: str | bytes, said: str) -> None:
    file = tmp_path / "dev.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadFile) as caught:
        load_world(f"hotpotqa:file={file}")
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_lone_surrogate_becomes_a_question_mark(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    file.write_text(json.dumps([{**HOTPOT[0], "answer": "Bel\ud800mo"}]), "utf-8")
    (question,) = questions_of(load_world(f"hotpotqa:file={file}")).values()
    assert question.answers == ("Bel?mo",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"paragraphs": [{"idx": "0", "title": "a", "paragraph_text": "b"}]},
            "item 1: the field 'idx' must be a",
        ),
        ({"answerable": "yes"}, "the field 'answerable' must be true or false, got 'yes'"),
        ({"answer_aliases": [1]}, "the field 'answer_aliases' must be a list of texts, got 1 in it"),
        ({"question_decomposition": [{"paragraph_support_idx": 9}]}, "must be the idx of a paragraph, got 9"),
        ({"paragraphs": None}, "the field 'paragraphs' must be a list, got None"),
    ],
)
def test_a_wrong_row_of_musique_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = write_lines(tmp_path / "dev.jsonl", [MUSIQUE[0], {**MUSIQUE[1], **change}])
    with pytest.raises(BadFile) as caught:
        load_world(f"musique:file={file}")
    assert f"{file}, row 2" in str(caught.value)
    assert said in str(caught.value)


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "dev.jsonl", MUSIQUE[:2])
    file.write_text(file.read_text("utf-8") + "{broken\n", "utf-8")
    with pytest.raises(BadFile, match=r"dev.jsonl, row 3: it must be a JSON object, got '\{broken'"):
        load_world(f"musique:file={file}")


def test_a_judgement_of_an_unknown_passage_is_named(tmp_path: Path) -> None:
    home = beir(tmp_path / "scifact")
    judgements = home / "qrels" / "test.tsv"
    for line, said in (
        ("q0\td99\t1", "row 9: the field 'corpus-id' must be an _id of corpus.jsonl, got 'd99'"),
        ("q77\td1\t1", "row 9: the field 'query-id' must be an _id of queries.jsonl, got 'q77'"),
        ("q0\td1\tgood", "row 9: the field 'score' must be a whole number, got 'good'"),
        ("q0\td1", "row 9: it has 2 fields, and the first row has 3"),
    ):
        before = judgements.read_text("utf-8")
        judgements.write_text(before + line + "\n", "utf-8")
        with pytest.raises(BadFile) as caught:
            load_world(f"beir:folder={home}")
        assert said in str(caught.value)
        judgements.write_text(before, "utf-8")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "hotpotqa",
            "'hotpotqa' needs file=PATH, whose questions it halves, or train=PATH and held_out=PATH",
        ),
        ("hotpotqa:file=a:train=b", "needs file=PATH"),
        ("triviaqa:file=a", "needs evidence=FOLDER"),
        ("topiocqa:file=a", "needs gold=PATH and passages=PATH"),
        ("flashrag:file=a", "the world 'flashrag' needs corpus=PATH"),
        ("sim-rag:file=a", "the world 'sim-rag' needs corpus=PATH"),
        ("beir", "needs folder=PATH"),
        ("beir:file=a", "has no option 'file'; it takes folder, qrels"),
        ("hotpotqa:file=/nowhere/at/all.json", "No such file"),
    ],
)
def test_what_a_world_of_files_needs_is_told(spec: str, said: str) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        load_world(spec)
    assert said in str(caught.value)
