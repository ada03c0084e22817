"""BM25 in this process: its scores, its order, and what bm25s alone would answer wrongly."""

import math
import random
import time
from collections import Counter

import pytest

from sparring.envs.retrieval.bm25 import K1, B, Bm25
from sparring.envs.retrieval.types import Passage
from sparring.envs.retrieval.words import words_of

SCORERS = ("numpy", "numba")


def random_corpus(seed, passages=400, words=60, length=12):
    """Short passages over few words: equal scores are everywhere."""
    rng = random.Random(seed)
    names = [f"word{number}" for number in range(words)]
    made = [
        Passage(f"p{number:04}", rng.choice(names), " ".join(rng.choices(names, k=rng.randint(1, length))))
        for number in range(passages)
    ]
    made += [Passage(f"twin{number:03}", "twin", "word1 word2 word3") for number in range(40)]
    rng.shuffle(made)
    return made


def by_hand(passages, query):
    """(id, score) of all passages with a score > 0, by the formula in Python's numbers, best first."""
    texts = {passage.id: Counter(words_of(passage.contents)) for passage in passages}
    average = sum(sum(text.values()) for text in texts.values()) / len(texts)
    scores = Counter()
    for word in words_of(query):
        holders = [id for id, text in texts.items() if word in text]
        idf = math.log(1 + (len(texts) - len(holders) + 0.5) / (len(holders) + 0.5))
        for id in holders:
            tf, length = texts[id][word], sum(texts[id].values())
            scores[id] += idf * tf / (tf + K1 * (1 - B + B * length / average))
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("scorer", SCORERS)
def test_scores_are_those_of_the_formula(scorer):
    passages = random_corpus(1)
    retriever = Bm25(passages, scorer)
    for query in ("word1", "word1 word2", "word3 word3 word9", "word5 unknown word7 word8"):
        (hits,) = retriever.search([query], 1000)
        expected = dict(by_hand(passages, query))
        assert {hit.passage.id for hit in hits} == set(expected)
        assert all(hit.score == pytest.approx(expected[hit.passage.id], rel=1e-5) for hit in hits)


def test_both_scorers_give_the_same_passages_scores_and_order():
    passages, rng = random_corpus(2), random.Random(3)
    queries = [" ".join(f"word{rng.randrange(70)}" for _ in range(rng.randint(1, 6))) for _ in range(300)]
    by_numpy, by_numba = Bm25(passages, "numpy"), Bm25(passages, "numba")
    for k in (1, 2, 3, 10, 41, 439, 440, 441):
        assert by_numpy.search(queries, k) == by_numba.search(queries, k)


@pytest.mark.parametrize("scorer", SCORERS)
def test_fewer_hits_are_the_first_of_more_hits_so_ties_at_the_last_place_are_exact(scorer):
    retriever = Bm25(random_corpus(4), scorer)
    queries = ["word1 word2 word3", "word1", "twin", "word4 word5", "twin word1"]
    everything = retriever.search(queries, 10_000)
    for hits in everything:
        assert [(-hit.score, hit.passage.id) for hit in hits] == sorted((-hit.score, hit.passage.id) for hit in hits)
    for k in range(1, 60):
        assert retriever.search(queries, k) == [hits[:k] for hits in everything]


def test_the_order_of_the_passages_given_and_of_the_words_asked_changes_nothing():
    passages = random_corpus(5)
    one, other = Bm25(passages), Bm25(reversed(passages))
    assert one.fingerprint == other.fingerprint
    assert one.search(["word1 word2 word9"], 20) == other.search(["word9 WORD2 word1"], 20)


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_query_without_a_known_word_finds_nothing(scorer):
    retriever = Bm25(random_corpus(6), scorer)
    for query in ("", " \t\n", "!?", "nowhere", "\0", "\ud800", "_"):
        assert retriever.search([query], 5) == [[]]
    assert retriever.search([], 5) == []


@pytest.mark.parametrize("scorer", SCORERS)
def test_k_may_be_beyond_the_corpus_and_not_below_one(scorer):
    passages = random_corpus(7)
    retriever = Bm25(passages, scorer)
    assert 0 < len(retriever.search(["word1"], 10**9)[0]) < len(passages)
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k must be >= 1, got {k}"):
            retriever.search(["word1"], k)


def test_equal_queries_of_one_call_are_answered_separately():
    answers = Bm25(random_corpus(8)).search(["word1", "word2", "word1"], 3)
    assert answers[0] == answers[2] != answers[1]
    assert answers[0] is not answers[2]


def test_a_query_of_a_megabyte_costs_what_a_short_one_does():
    retriever = Bm25(random_corpus(9))
    long = "word1 " * 200_000
    start = time.process_time()
    (hits,) = retriever.search([long], 3)
    assert time.process_time() - start < 0.1
    assert hits == retriever.search([long[:4096]], 3)[0]


def test_passages_without_words_and_corpora_of_one_passage_work():
    silent = Passage("a", "", "...")
    assert Bm25([silent]).search(["a", ""], 3) == [[], []]
    one = Passage("b", "Tarn", "The capital of Ostrel.")
    assert [hit.passage for hit in Bm25([one, silent]).search(["tarn"], 3)[0]] == [one]


def test_wrong_corpora_are_refused():
    with pytest.raises(ValueError, match="at least one passage, got 0"):
        Bm25([])
    with pytest.raises(ValueError, match="ids of passages must be unique, got 'a' 2 times"):
        Bm25([Passage("a", "", "x"), Passage("b", "", "y"), Passage("a", "", "z")])
    with pytest.raises(ValueError, match="b from 0 to 1, got k1=1 and b=2"):
        Bm25([Passage("a", "", "x")], k1=1, b=2)


def test_another_corpus_or_setting_has_another_fingerprint():
    passages = [Passage("a", "Tarn", "one"), Passage("b", "Ostrel", "two")]
    others = [
        Bm25([*passages, Passage("c", "", "three")]),
        Bm25([passages[0], Passage("b", "Ostrel", "Two")]),
        Bm25(passages, k1=0.9),
    ]
    assert len({Bm25(passages).fingerprint, *(other.fingerprint for other in others)}) == 4
    assert Bm25(passages, "numpy").fingerprint == Bm25(passages, "numba").fingerprint


def test_words_are_lower_case_without_accents_and_numbers_are_words():
    assert words_of("São Paulo's 12,325,232 people; STRASSE straße ﬁn x_1 東京") == [
        "sao", "paulo", "s", "12", "325", "232", "people", "strasse", "strasse", "fin", "x", "1", "東京",
    ]  # fmt: skip
