"""ROUGE-L: against tables by hand, and a plain table of dynamic programming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.answers.rouge import MOST_WORDS, agreement, longest_common, rouge_l

WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def by_table(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for row, a in enumerate(first, 1):
        for column, b in enumerate(second, 1):
            best = max(table[row - 1][column], table[row][column - 1])
            table[row][column] = table[row - 1][column - 1] + 1 if a == b else best
    return table[-1][-1]


@given(WORDS, WORDS)
def test_the_longest_common_subsequence_is_that_of_the_plain_table(first, second):
    assert longest_common(first, second) == by_table(first, second)


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        ("the cat sat", "the cat stood", 2 / 3),
        ("police killed the gunman", "police kill the gunman", 3 / 4),
        ("the gunman kill police", "police killed the gunman", 2 / 4),
        ("a b c d", "b d", 2 * 2 / 6),
        ("The Cat!", "the cat", 1.0),
        ("12 + 7", "7 + 12", 2 * 1 / 4),
        ("lamp", "lamps", 0.0),
        ("", "", 1.0),
        ("", "x", 0.0),
        ("+ -", "+-", 1.0),
        ("下注", "下注", 1.0),
    ],
)
def test_rouge_l_is_the_f_measure_of_common_words(first, second, score):
    assert rouge_l(first, second) == pytest.approx(score)
    assert rouge_l(second, first) == pytest.approx(score)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_a_score_between_0_and_1(first, second):
    assert 0.0 <= rouge_l(first, second) <= 1.0
    assert rouge_l(first, first) == 1.0


def test_enormous_texts_are_compared_by_their_beginnings():
    assert rouge_l("a " * 10**6, "a " * MOST_WORDS) == 1.0
    assert rouge_l("\ud800\x00" * 10**6, "a" * 10**6) == 0.0


def test_agreement_is_the_mean_with_all_others():
    pairs = {"ab": 2 / 4 * 1, "ac": 0.0}
    assert agreement(["x y", "x z", "u v"]) == pytest.approx(
        [(pairs["ab"] + pairs["ac"]) / 2, (pairs["ab"] + 0.0) / 2, 0.0]
    )
    assert agreement(["even", "odd", "even"]) == [0.5, 0.0, 0.5]
    assert agreement(["alone"]) == [0.0]
    assert agreement([]) == []
