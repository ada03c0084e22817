"""`sparring retrieval`: indexes built, searched and served, and what is refused."""

import json
import os
import re
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from sparring.cli.app import main
from sparring.envs.retrieval.index import open_index

FLASHRAG = [{"id": "7", "contents": "Tarn\nTarn is a town."}, {"id": 8, "contents": "Ostrel\nIt pays in crowns."}]
BEIR = [
    {"_id": "7", "title": "Tarn", "text": "Tarn is a town."},
    {"_id": "8", "title": "Ostrel", "text": "It pays in crowns."},
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_lines(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")


def printed(capsys, *words, code=0):
    capsys.readouterr()
    assert main(["retrieval", *words]) == code
    return capsys.readouterr()


def test_a_world_is_built_and_searched(place, capsys):
    built = json.loads(printed(capsys, "build", "fiction:size=1000", "-o", "index", "--json").out)
    index = open_index(place / "index")
    assert built["fingerprint"] == index.fingerprint
    assert built["passages"] == len(index.passages) >= 100
    title = index.passages[0].title
    found = json.loads(printed(capsys, "search", "index", title, "-k", "2", "--json").out)
    assert found[0]["document"]["id"] == index.passages[0].id
    assert found[0]["document"]["triples"] == [list(triple) for triple in index.passages[0].triples]
    assert title in printed(capsys, "search", "index", title).out
    assert "nothing found" in printed(capsys, "search", "index", "qqq", code=1).out


def test_files_of_flashrag_and_of_beir_make_the_same_index(place, capsys):
    write_lines(place / "flashrag.jsonl", FLASHRAG)
    write_lines(place / "beir.jsonl", [*BEIR, ""])
    prints = [
        json.loads(printed(capsys, "build", f"{name}.jsonl", "-o", name, "--json").out)["fingerprint"]
        for name in ("flashrag", "beir")
    ]
    assert prints[0] == prints[1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "rows.jsonl must hold a passage a line, and has none"),
        ([FLASHRAG[0], "{"], "rows.jsonl, line 2: it must be a JSON object"),
        (["[1]"], "rows.jsonl, line 1: a document must be an object"),
        ([{"contents": "x"}], "rows.jsonl, line 1: the field id (or _id) is missing; it has contents"),
        ([{"id": "a", "body": "x"}], "rows.jsonl, line 1: a document must have contents, a text"),
        ([{"id": None, "contents": 3}], "rows.jsonl, line 1: a document must have contents, a text"),
        ([FLASHRAG[0], "", FLASHRAG[0]], "rows.jsonl, line 3: the id '7' is that of line 1 too"),
        ([{"id": "a", "title": "t", "text": "x", "triples": [["a"]]}], "rows.jsonl, line 1: triples must be lists"),
    ],
)
def test_wrong_files_are_refused_with_line_and_field(place, capsys, rows, said):
    write_lines(place / "rows.jsonl", rows)
    assert said in printed(capsys, "build", "rows.jsonl", "-o", "index", code=2).err
    assert not (place / "index").exists()


def test_damaged_indexes_and_wrong_requests_are_refused_in_one_line(place, capsys):
    main(["retrieval", "build", "fiction:size=1000", "-o", "index"])
    (place / "FILE").write_text("x")
    for words, said in (
        (("search", "nowhere", "x"), "nowhere is no index: it has no manifest.json"),
        (("search", "index", "x", "-k", "0"), "k must be >= 1, got 0"),
        (("search", "http://127.0.0.1:9", "x"), "the retriever at http://127.0.0.1:9 failed: "),
        (("search", "ftp://a/b", "x"), "must begin with one of http://, https://"),
        (("search", "", "x"), "is empty"),
        (("serve", "FILE"), "FILE is no index"),
        (("serve", "index", "--port", "99999"), "port must be in 0..65535, got 99999"),
        (("build", "fiction", "-o", "index"), "index is an index already"),
        (("build", "FILE", "-o", "new"), "FILE: a file of passages must end in .jsonl"),
        (("build", "fiktion", "-o", "new"), "did you mean 'fiction'?"),
    ):
        err = printed(capsys, *words, code=2).err
        assert said in " ".join(err.split())
        assert "Traceback" not in err
    content = bytearray((place / "index" / "bm25" / "data.f32").read_bytes())
    content[5] ^= 1
    (place / "index" / "bm25" / "data.f32").write_bytes(content)
    assert "bm25/data.f32 has another SHA-256" in printed(capsys, "serve", "index", code=2).err
    assert sorted(path.name for path in place.iterdir()) == ["FILE", "index"]


def test_passages_cannot_steer_the_terminal(place, capsys):
    write_lines(place / "rows.jsonl", [{"id": "a\x1b[2J", "title": "x\ny", "text": "tarn \x1b]0;x\x07 \u202e \ud800"}])
    printed(capsys, "build", "rows.jsonl", "-o", "index")
    shown = printed(capsys, "search", "index", "tarn").out
    assert all(character.isprintable() for line in shown.split("\n") for character in line)
    assert "x y" in shown
    assert r"\u202e ?" in shown


def test_a_lone_surrogate_in_a_file_becomes_a_question_mark(place, capsys):
    write_lines(place / "rows.jsonl", [{"id": "a", "title": "x", "text": "tarn \ud800"}])
    printed(capsys, "build", "rows.jsonl", "-o", "index")
    assert open_index(place / "index").passages[0].text == "tarn ?"


def test_help_names_what_is_asked_for(capsys):
    for command, shown in (("build", "SOURCE"), ("search", "INDEX QUERY"), ("serve", "INDEX")):
        assert f" {shown}" in printed(capsys, command, "--help").out.partition("\n\n")[0]


@pytest.mark.slow
def test_an_index_is_served_until_ctrl_c(place, capsys):
    main(["retrieval", "build", "fiction:size=1000", "-o", "index"])
    index = open_index(place / "index")
    command = [sys.executable, "-P", "-m", "sparring", "retrieval", "serve", "index", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        url = re.match(r"(http://127\.0\.0\.1:\d+)/retrieve answers from index", server.stdout.readline())[1]
        body = json.dumps({"queries": [index.passages[0].title], "topk": 1, "return_scores": True}).encode()
        with urlopen(Request(f"{url}/retrieve", body), timeout=10) as answer:
            (row,) = json.load(answer)["result"][0]
        assert row["document"]["id"] == index.passages[0].id
        found = json.loads(printed(capsys, "search", url, index.passages[0].title, "--json").out)
        assert found[0]["document"]["id"] == index.passages[0].id
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 0


FILES = "world=hotpotqa+train=only.json:split=held_out"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["play", "Search:hops=9", "--agents", "random", "--store", "made"], "with 9 hops among"),
        (
            ["play", "Search:kinds=comparison:hops=1-2:split=other", "--agents", "random"],
            "train or held_out, got 'other'",
        ),
        (
            ["play", f"Search:{FILES}", "--agents", "random", "--store", "made"],
            "has no questions of the split 'held_out'",
        ),
        (["play", f"Rewrite:{FILES}", "--agents", "random"], "has no conversations of the split 'held_out'"),
        (["play", f"Eliminate:{FILES}", "--agents", "random"], "has no rankings of the split 'held_out'"),
        (["play", f"SearchDuel:{FILES}"], "has no questions of the split 'held_out'"),
        (["eval", "random", "--env", "Search:kinds=chain:hops=8", "--games", "9"], "with 8 hops among"),
        (["train", "grpo", "--model", "nano", "--games", "Search:hops=9", "--run", "made"], "with 9 hops among"),
    ],
)
def test_settings_that_no_question_meets_are_refused_once_before_anything_is_played(place, capsys, words, said):
    question = {"_id": "a", "question": "What is Arvo?", "answer": "a town", "supporting_facts": [["Arvo", 0]]}
    (place / "only.json").write_text(json.dumps([{**question, "context": [["Arvo", ["Arvo is a town."]]]}]))
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (place / "made").exists()


def test_the_table_of_searches_has_no_columns_of_games(capsys):
    assert main(["play", "Search:world=fiction+size=600", "--agents", "walkthrough", "--episodes", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["agent", "questions", "reward", "(95", "%", "interval)"]


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no.such.host.invalid", "the server cannot have no.such.host.invalid, port 0: "),
        ("203.0.113.7", "the server cannot have 203.0.113.7, port 0: "),
        ("", "host must be a name or an address, got ''"),
    ],
)
def test_a_host_that_this_machine_has_not_is_refused_in_one_line(place, capsys, host, reason):
    printed(capsys, "build", "fiction:size=600", "-o", "index")
    said = printed(capsys, "serve", "index", "--host", host, "--port", "0", code=2)
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert reason in said.err
