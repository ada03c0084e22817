"""Exact match, contains and F1 against a table that was worked out by hand."""

import pytest

from sparring.envs.retrieval.scoring import Score, score

TABLE = [
    # answer, right answers, em, contains, f1
    ("mira", ["mira"], 1, 1, 1),
    ("The Mira.", ["mira"], 1, 1, 1),
    ("an mira!", ["the mira"], 1, 1, 1),
    ("It is the mira", ["mira"], 0, 1, 2 * (1 / 3) * 1 / (1 / 3 + 1)),
    ("mirage", ["mira"], 0, 0, 0),
    ("", ["mira"], 0, 0, 0),
    ("mira", [], 0, 0, 0),
    ("New York", ["York"], 0, 1, 2 * 0.5 * 1 / 1.5),
    ("New York City", ["New York", "Big Apple"], 0, 1, 2 * (2 / 3) * 1 / (2 / 3 + 1)),
    ("red red blue", ["red blue blue"], 0, 0, 2 / 3),
    ("88,404", ["88404"], 1, 1, 1),
    ("the", ["the"], 0, 0, 0),
    ("", [""], 0, 0, 0),
]


@pytest.mark.parametrize(("answer", "answers", "em", "contains", "f1"), TABLE)
def test_scores_equal_the_table(answer, answers, em, contains, f1):
    found = score(answer, answers)
    assert (found.em, found.contains) == (em, contains)
    assert found.f1 == pytest.approx(f1)


@pytest.mark.parametrize(
    ("answer", "alias"),
    [
        ("Sir Henry Campbell-Bannerman", "sir henry campbell bannerman"),  # stored with a blank, written with a hyphen
        ("sir henry campbell bannerman", "Sir Henry Campbell-Bannerman"),
        ("Sir Henry CampbellBannerman", "Sir Henry Campbell-Bannerman"),  # as SQuAD glues it
        ("A.C. Milan", "AC Milan"),
        ("A C Milan", "A.C. Milan"),
        ("Rock\u2019n\u2019Roll", "rock 'n' roll"),
        ("2001\u20132002", "2001-2002"),
    ],
)
def test_punctuation_between_words_decides_no_label(answer, alias):
    """SIM-RAG's label noise: with SQuAD's form alone, each of the first two is wrong."""
    assert score(answer, [alias]) == Score(1.0, 1.0, 1.0)


def test_a_hyphen_does_not_make_other_words_equal():
    assert score("co-op", ["coin op"]).em == 0
    assert score("re-form", ["form"]).em == 0


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a" * 1_000_000, "\u200b", "...", "\ufdfa" * 3_000])
def test_no_text_is_too_odd_to_score(text):
    assert score(text, ["mira"]).em == 0
