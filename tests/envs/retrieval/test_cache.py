"""Answers that are kept: the same ones, asked once, bounded."""

import pytest

from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.cache import Answers, Cached
from sparring.envs.retrieval.types import Passage

PASSAGES = [Passage(f"p{n}", f"town{n}", "a town of Ostrel") for n in range(20)]


class Asked:
    """A retriever that writes down what it is asked."""

    def __init__(self, inner, fingerprint=None):
        self.inner, self.fingerprint, self.queries = inner, fingerprint or inner.fingerprint, []

    def search(self, queries, k):
        self.queries += queries
        return self.inner.search(queries, k)


def test_answers_are_those_of_the_retriever_and_each_is_asked_once():
    plain = Bm25(PASSAGES)
    asked = Asked(plain)
    cached = Cached(asked, Answers())
    queries = ["ostrel", "town3", "ostrel", ""]
    assert cached.search(queries, 3) == plain.search(queries, 3) == cached.search(queries, 3)
    assert asked.queries == ["ostrel", "town3", ""]
    assert cached.search(["ostrel"], 4) == plain.search(["ostrel"], 4)
    assert len(asked.queries) == 4


def test_a_caller_cannot_change_what_others_get():
    cached = Cached(Bm25(PASSAGES), Answers())
    first, twin = cached.search(["ostrel", "ostrel"], 3)
    first.clear()
    assert len(twin) == len(cached.search(["ostrel"], 3)[0]) == 3


def test_retrievers_of_one_process_share_answers_by_fingerprint():
    answers = Answers()
    one, other = Asked(Bm25(PASSAGES)), Asked(Bm25(PASSAGES))
    another = Asked(Bm25(PASSAGES[1:]))
    Cached(one, answers).search(["town0"], 3)
    assert Cached(other, answers).search(["town0"], 3)[0][0].passage == PASSAGES[0]
    assert other.queries == []
    assert Cached(another, answers).search(["town0"], 3) == [[]]


def test_what_was_asked_longest_ago_is_forgotten():
    asked = Asked(Bm25(PASSAGES))
    cached = Cached(asked, Answers(most_hits=8))  # an answer of 3 hits weighs 4
    cached.search(["ostrel town1"], 3)
    cached.search(["ostrel town2"], 3)
    cached.search(["ostrel town1"], 3)
    cached.search(["ostrel town3"], 3)
    assert len(cached.answers) == 2
    cached.search(["ostrel town1"], 3)
    assert len(asked.queries) == 3
    cached.search(["ostrel town2"], 3)
    assert len(asked.queries) == 4


def test_a_retriever_that_is_not_pinned_is_asked_every_time_and_long_queries_are_not_kept():
    asked = Asked(Bm25(PASSAGES), "unpinned http://127.0.0.1:1")
    cached = Cached(asked, Answers())
    cached.search(["town1"], 1)
    cached.search(["town1"], 1)
    assert len(asked.queries) == 2
    pinned = Cached(Bm25(PASSAGES), Answers())
    pinned.search(["town1 " * 1000], 1)
    assert len(pinned.answers) == 0


def test_k_below_one_is_refused_though_nothing_is_asked():
    with pytest.raises(ValueError, match="k must be >= 1, got 0"):
        Cached(Bm25(PASSAGES), Answers()).search([], 0)
