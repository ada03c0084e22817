"""Engines of an index: what each finds, in which order, and what it refuses."""

import hashlib
import random
import shutil

import numpy as np
import pytest

from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.index import DamagedIndex, build_index, dense, open_index
from sparring.envs.retrieval.index.engines import Fused, fuse
from sparring.envs.retrieval.types import Hit, Passage
from sparring.envs.retrieval.words import words_of


class WordVectors:
    """An encoder without a model: a text is the sum of the random vectors of its words."""

    def __init__(self, name="words/64", dimensions=64):
        self.name, self.dimensions = name, dimensions

    def encode(self, texts):
        rows = [sum(map(self._vector, words_of(text)), np.zeros(self.dimensions)) for text in texts]
        return np.array([row / (np.linalg.norm(row) or 1) for row in rows], np.float32)

    def _vector(self, word):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dimensions)


@pytest.fixture(scope="module")
def corpus():
    rng = random.Random(1)
    names = [f"word{number}" for number in range(80)]
    made = [Passage(f"p{n:04}", rng.choice(names), " ".join(rng.choices(names, k=10))) for n in range(300)]
    return made + [Passage(f"twin{n:03}", "twin", "word1 word2 word3") for n in range(40)]


QUERIES = ["word1 word2 word3", "twin", "word7 word8", "WORD9", "word1 unknown"]


def in_order(hits):
    return [(-hit.score, hit.passage.id) for hit in hits] == sorted((-hit.score, hit.passage.id) for hit in hits)


@pytest.mark.parametrize("engine", ["bm25", "tantivy", "dense", "hybrid"])
def test_every_engine_keeps_the_retrievers_contract(engine, corpus, tmp_path):
    encoder = WordVectors()
    built = build_index(corpus, tmp_path / "index", engine, encoder=encoder)
    index = open_index(tmp_path / "index", encoder=encoder, full=True)
    assert index.fingerprint == built.fingerprint
    everything = index.search(QUERIES, 10_000)
    for hits in everything:
        assert in_order(hits)
        assert all(hit.score > 0 for hit in hits)
        assert len({hit.passage.id for hit in hits}) == len(hits) > 0
    if engine != "hybrid":  # there the depth that is fused grows with k
        for k in (1, 2, 10, 39, 40, 41):
            assert index.search(QUERIES, k) == [hits[:k] for hits in everything]
    assert index.search(["", " ", "\0", "\ud800"], 5)[:2] == [[], []]
    assert index.search([], 5) == []
    assert index.search(["twin"], 1)[0][0].passage.id == "twin000"
    assert len(index.search(["word1 " * 200_000], 3)[0]) == 3
    with pytest.raises(ValueError, match="k must be >= 1, got 0"):
        index.search(["word1"], 0)


def test_tantivy_finds_what_bm25_finds(corpus, tmp_path):
    found = build_index(corpus, tmp_path / "index", "tantivy").search(QUERIES, 10_000)
    expected = Bm25(corpus).search(QUERIES, 10_000)
    assert [{hit.passage.id for hit in hits} for hits in found] == [
        {hit.passage.id for hit in hits} for hits in expected
    ]


def test_two_tantivy_indexes_of_equal_passages_have_one_fingerprint_and_give_equal_answers(corpus, tmp_path):
    one, other = (build_index(corpus[::step], tmp_path / str(step), "tantivy") for step in (1, -1))
    assert one.fingerprint == other.fingerprint
    assert one.search(QUERIES, 50) == other.search(QUERIES, 50)
    assert build_index(corpus[1:], tmp_path / "less", "tantivy").fingerprint != one.fingerprint


def test_a_tantivy_index_that_lost_its_passages_does_not_open(corpus, tmp_path):
    folders = tmp_path / "whole", tmp_path / "empty"
    build_index(corpus, folders[0], "tantivy")
    import tantivy

    index = tantivy.Index.open(str(folders[0] / "tantivy"))
    writer = index.writer(num_threads=1)
    writer.delete_all_documents()
    writer.commit()
    writer.wait_merging_threads()
    manifest = (folders[0] / "manifest.json").read_text()
    with pytest.raises(DamagedIndex, match="tantivy"):
        open_index(folders[0])
    shutil.copytree(folders[0], folders[1])
    from sparring.envs.retrieval.corpus import Corpus
    from sparring.envs.retrieval.index.engines import Options
    from sparring.envs.retrieval.index.terms import TantivyPart
    from sparring.envs.retrieval.manifest import read_manifest

    settings = read_manifest(folders[1]).settings
    with pytest.raises(DamagedIndex, match="must hold 340 passages, got 0: build the index anew"):
        TantivyPart().open(Corpus(folders[1]), folders[1], settings, Options())
    assert manifest == (folders[0] / "manifest.json").read_text()


def test_dense_answers_are_the_cosines_of_all_passages(corpus, tmp_path):
    encoder = WordVectors()
    index = build_index(corpus, tmp_path / "index", "dense", encoder=encoder)
    vectors = encoder.encode([passage.contents for passage in corpus]).astype(np.float16).astype(np.float32)
    for query, hits in zip(QUERIES, index.search(QUERIES, 20), strict=True):
        cosines = {p.id: float(c) for p, c in zip(corpus, vectors @ encoder.encode([query])[0], strict=True)}
        assert all(hit.score == pytest.approx(cosines[hit.passage.id], abs=1e-5) for hit in hits)
        assert sorted(cosines.values())[-20:] == pytest.approx(sorted(hit.score for hit in hits), abs=1e-5)


def test_a_graph_finds_nearly_what_the_exact_search_finds_and_two_builds_have_equal_bytes(
    corpus, tmp_path, monkeypatch
):
    encoder = WordVectors()
    exact = build_index(corpus, tmp_path / "exact", "dense", encoder=encoder)
    monkeypatch.setattr(dense, "EXACT_UP_TO", 100)
    one, other = (build_index(corpus, tmp_path / name, "dense", encoder=encoder) for name in ("one", "other"))
    assert one.fingerprint == other.fingerprint != exact.fingerprint
    assert (tmp_path / "one" / "dense" / "graph.usearch").stat().st_size > 0
    queries = [passage.contents for passage in corpus[:100]]
    answers = one.search(queries, 10)
    assert answers == other.search(queries, 10)
    expected = [{hit.passage.id for hit in hits} for hits in exact.search(queries, 10)]
    shares = [len({hit.passage.id for hit in hits} & ids) / 10 for hits, ids in zip(answers, expected, strict=True)]
    assert sum(shares) / len(shares) > 0.95
    assert all(in_order(hits) for hits in answers)


def test_a_dense_index_needs_the_encoder_that_it_was_built_with(corpus, tmp_path):
    with pytest.raises(ValueError, match="needs an encoder"):
        build_index(corpus, tmp_path / "index", "dense")
    assert list(tmp_path.iterdir()) == []
    build_index(corpus, tmp_path / "index", "hybrid", encoder=WordVectors())
    with pytest.raises(ValueError, match="needs an encoder"):
        open_index(tmp_path / "index")
    with pytest.raises(ValueError, match="built with the encoder 'words/64', got 'other'"):
        open_index(tmp_path / "index", encoder=WordVectors("other"))


def test_an_encoder_that_gives_no_vectors_is_refused_and_nothing_is_left(corpus, tmp_path):
    class Broken(WordVectors):
        def encode(self, texts):
            return super().encode(texts) * np.nan

    with pytest.raises(ValueError, match="must give 256 finite vectors"):
        build_index(corpus, tmp_path / "index", "dense", encoder=Broken())
    assert list(tmp_path.iterdir()) == []


def test_fused_scores_are_sums_of_reciprocal_ranks():
    a, b, c = (Passage(id, "", "") for id in "abc")
    fused = fuse([[Hit(a, 9.0), Hit(b, 8.0)], [Hit(b, 0.5), Hit(c, 0.4)]], 10)
    assert [(hit.passage.id, hit.score) for hit in fused] == [
        ("b", pytest.approx(1 / 62 + 1 / 61)),
        ("a", pytest.approx(1 / 61)),
        ("c", pytest.approx(1 / 62)),
    ]
    assert [hit.passage.id for hit in fuse([[Hit(c, 1.0)], [Hit(a, 1.0)]], 1)] == ["a"]


def test_fusing_looks_deeper_than_what_is_asked_for(corpus):
    other = Bm25([Passage(passage.id, passage.text, passage.title) for passage in corpus], k1=0.1, b=0)
    one = Bm25(corpus)
    (hits,) = Fused([one, other]).search(["word1 word2"], 3)
    deep = fuse([searcher.search(["word1 word2"], 100)[0] for searcher in (one, other)], 3)
    assert hits == deep


@pytest.mark.slow
def test_minilm_finds_what_shares_no_word_with_the_query(tmp_path):
    from sparring.agents.models.embedding import load_encoder

    encoder = load_encoder()
    made = [
        Passage("1", "Physician", "A doctor treats people who are ill."),
        Passage("2", "Harbour", "Ships lie at anchor here."),
        Passage("3", "Bakery", "Bread and cakes are sold here in the morning \ud800."),
    ]
    index = build_index(made, tmp_path / "index", "dense", encoder=encoder)
    best = [hits[0].passage.id for hits in index.search(["medicine for a sick person", "boats", "loaf"], 1)]
    assert best == ["1", "2", "3"]
    vectors = encoder.encode([passage.contents for passage in made])
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode([made[1].contents])[0] == pytest.approx(vectors[1], abs=1e-5)


def test_an_encoder_of_a_folder_without_a_model_is_refused(tmp_path):
    from sparring.agents.models.embedding import load_encoder

    with pytest.raises(ValueError, match=r"must hold a model of Hugging Face with model\.safetensors"):
        load_encoder(str(tmp_path))
