"""Frozen indexes: equal bytes, damage that is named, and nothing half built."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.index import DamagedIndex, build_index, open_index, require_corpus
from sparring.envs.retrieval.types import Passage, Triple

BUILD = """
import random, sys
from pathlib import Path
from sparring.envs.retrieval.index import build_index
from sparring.envs.retrieval.types import Passage, Triple
rng = random.Random(7)
words = ["Straße", "naïve", "東京", "tarn", "ostrel", "42"] + [f"w{n}" for n in range(500)]
made = {Passage(f"id{n}", rng.choice(words), " ".join(rng.choices(words, k=30)), (Triple("a", "b", f"c{n}"),))
        for n in range(int(sys.argv[2]))}
build_index(made, Path(sys.argv[1]))
"""


def contents_of(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def build_elsewhere(folder, hash_seed, passages=300):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([sys.executable, "-c", BUILD, str(folder), str(passages)], env=environment)


@pytest.fixture(scope="module")
def corpus():
    rng = random.Random(1)
    names = [f"word{number}" for number in range(60)]
    made = [Passage(f"p{n:04}", rng.choice(names), " ".join(rng.choices(names, k=8))) for n in range(400)]
    return made + [Passage(f"twin{n:03}", "twin", "word1 word2 word3") for n in range(40)]


@pytest.fixture
def folder(corpus, tmp_path):
    build_index(corpus, tmp_path / "index")
    return tmp_path / "index"


def test_two_builds_have_equal_bytes_whatever_order_the_passages_and_the_sets_have(tmp_path):
    for name, seed in (("one", "1"), ("other", "2")):
        assert build_elsewhere(tmp_path / name, seed).wait(timeout=120) == 0
    assert contents_of(tmp_path / "one") == contents_of(tmp_path / "other")
    assert len(contents_of(tmp_path / "one")) == 7


@pytest.mark.parametrize("scorer", ["numpy", "numba"])
def test_an_opened_index_answers_as_the_corpus_in_memory_does(corpus, folder, scorer):
    queries = ["word1 word2", "twin", "word9", "", "unknown"]
    opened, in_memory = open_index(folder, scorer), Bm25(corpus, scorer)
    assert opened.fingerprint == in_memory.fingerprint
    for k in (1, 7, 40, 10_000):
        assert opened.search(queries, k) == in_memory.search(queries, k)


def test_passages_come_back_as_they_were_with_their_triples(tmp_path):
    odd = [
        Passage("a", "Tarn", 'lone \ud800, NUL \0, "quotes"\nand lines', (Triple("Tarn", "capital of", "Ostrel"),)),
        Passage("ä", "", "東京"),
        Passage("", "no id", ""),
    ]
    index = build_index(odd, tmp_path / "index")
    assert sorted(index.passages, key=lambda passage: passage.id) == sorted(odd, key=lambda passage: passage.id)
    assert index.passages[-1] == odd[1]
    assert len(index.passages[1:]) == 2
    with pytest.raises(IndexError, match="has 3 passages, got position 3"):
        index.passages[3]


def test_the_manifest_has_what_sha256sum_says(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    contents = contents_of(folder)
    assert {name: file["sha256"] for name, file in manifest["files"].items()} == {
        name: digest for name, digest in contents.items() if name != "manifest.json"
    }
    assert manifest["fingerprint"] == open_index(folder).fingerprint
    assert set(manifest["versions"]) >= {"bm25s", "numpy", "python", "unicode"}


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.offsets", "bm25/data.f32", "bm25/words.json"])
def test_a_damaged_file_is_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DamagedIndex, match=f"{name} has another SHA-256 than manifest.json says"):
        open_index(folder)
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(DamagedIndex, match=f"{name} must have {len(content)} bytes, got {len(content) - 1}"):
        open_index(folder, full=False)
    (folder / name).unlink()
    with pytest.raises(DamagedIndex, match=f"{name} is missing"):
        open_index(folder, full=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON"),
        (b"{}", "its fields do not make its fingerprint"),
        (b"[1]", "its fields do not make its fingerprint"),
        (b"\xff\xfe", "it is no JSON"),
        (b'{"format": 2}', "must have format 1, got 2: build the index anew"),
    ],
)
def test_a_manifest_that_is_none_is_said_to_be(folder, content, said):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedIndex, match=said):
        open_index(folder)


def test_a_manifest_with_another_setting_is_damaged(folder):
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"k1": 1.2', '"k1": 1.3'))
    with pytest.raises(DamagedIndex, match="do not make its fingerprint"):
        open_index(folder)


def test_folders_that_are_no_index_are_refused(tmp_path):
    (tmp_path / "file").write_text("years of work")
    for name in ("nowhere", "file", "."):
        with pytest.raises(DamagedIndex, match=r"is no index: it has no manifest\.json"):
            open_index(tmp_path / name)


def test_nothing_is_built_over_what_is_there(folder, corpus, tmp_path):
    before = contents_of(tmp_path)
    with pytest.raises(FileExistsError, match="is an index already"):
        build_index(corpus, folder)
    with pytest.raises(FileExistsError, match="exists already and is no empty folder"):
        build_index(corpus, tmp_path)
    with pytest.raises(ValueError, match="at least one passage"):
        build_index([], tmp_path / "new")
    with pytest.raises(ValueError, match="b from 0 to 1"):
        build_index(corpus, tmp_path / "new", b=-1)
    assert contents_of(tmp_path) == before
    (tmp_path / "empty").mkdir()
    assert build_index(corpus, tmp_path / "empty").fingerprint == open_index(folder).fingerprint


def test_a_build_that_is_killed_leaves_nothing_that_opens(tmp_path):
    target = tmp_path / "index"
    building = build_elsewhere(target, "1", passages=100_000)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob(".index.*/built/corpus.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.01)
    building.send_signal(signal.SIGKILL)
    assert building.wait(timeout=30) == -signal.SIGKILL
    with pytest.raises(DamagedIndex):
        open_index(target)
    for left in tmp_path.glob(".index.*/built"):
        with pytest.raises(DamagedIndex):
            open_index(Path(left))
    assert len(build_index([Passage("a", "", "x")], target).passages) == 1


def test_an_index_of_another_corpus_is_told_apart(folder, corpus):
    index = open_index(folder)
    require_corpus(index, corpus, "this world")
    with pytest.raises(ValueError, match=r"another corpus than fiction: 440 passages .* and fiction has 439"):
        require_corpus(index, corpus[1:], "fiction")
    changed = [*corpus[1:], Passage(corpus[0].id, corpus[0].title, "another text")]
    with pytest.raises(ValueError, match="another corpus than fiction"):
        require_corpus(index, changed, "fiction")


def test_progress_is_told_up_to_the_last_passage(corpus, tmp_path):
    told = []
    build_index(corpus, tmp_path / "index", progress=told.append)
    assert told[-1] == len(corpus)
