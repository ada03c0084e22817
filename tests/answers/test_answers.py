"""Answers are read as typed values, whatever their rendering, and never evaluated."""

import json
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.answers.canonical import MAX_DEPTH, MAX_LENGTH, canonical, canonical_key, equal, matches
from sparring.answers.literals import MalformedLiteral, parse_literal

INTS = st.integers(-(10**18), 10**18)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: x == 0 or 1e-20 < abs(x) < 1e20)
WORDS = st.text("abcdefghijklmnop ", min_size=1).map(lambda text: " ".join(text.split())).filter(bool)
SCALARS = st.one_of(st.booleans(), st.none(), INTS, FLOATS, WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(WORDS, inner, max_size=4),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[36380, 2]", [36380, 2]),
        ("36380, 2", (36380, 2)),
        ('"abc"', "abc"),
        ("'abc'", "abc"),
        ("abc", "abc"),
        ("$1,234.50", 1234.5),
        ("-$5", -5),
        ("1_000", 1000),
        (" 5. ", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("True", True),
        ("false", False),
        ("null", None),
        ("yes", "yes"),
        ("12%", "12%"),
        ("12 km", "12 km"),
        ("`42`", 42),
        ("**42**", 42),
        ("```\n[1]\n```", [1]),
        ("{'a': (1, 2.5), \"b\": {}}", {"a": (1, 2.5), "b": {}}),
        ("{1, 2}", frozenset({1, 2})),
        ("('a',)", ("a",)),
        (r'"a\n\u00e9\\"', "a\né\\"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        ("", ""),
        ("a\n\n  b", "a b"),
    ],
)
def test_an_answer_is_read_as_documented(text, value):
    found = canonical(text)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize(
    "text",
    ["[1, 2", "1]", "[1 2]", "[1,,2]", "{1: 2, 3}", "{1:}", "{:1}", "[1: 2]", "{[1]: 2}", "f(1)", "1 + 1", "[x]", ","],
)
def test_what_is_no_literal_is_text(text):
    with pytest.raises(MalformedLiteral):
        parse_literal(text)
    assert canonical(text) == text


@given(VALUES)
def test_every_rendering_of_a_value_matches_it_and_has_one_key(value):
    renderings = [repr(value), f"  {value!r}\n", f"`{value!r}`", f"```python\n{value!r}\n```", json.dumps(value)]
    if isinstance(value, str):
        renderings += [value, f"'{value}'", f'"{value}"', f"  {value.replace(' ', '   ')} "]
        renderings = [text for text in renderings if isinstance(canonical(text), str)]
    for text in renderings:
        assert matches(text, value), text
        assert canonical_key(text) == canonical_key(renderings[0]), text


@given(INTS)
def test_a_whole_number_may_be_grouped_and_carry_a_currency_sign(value):
    for text in (f"{value:,}", f"{value:_}", f"€{value}", f"£ {value:,}"):
        assert matches(text, value)
        assert canonical_key(text) == str(value)


@given(st.integers(-(2**50), 2**50))
def test_a_whole_number_may_be_written_as_a_float(value):
    assert matches(f"{value}.0", value)
    assert canonical_key(f"[{value}.00]") == canonical_key(f"[{value}]")


@given(VALUES, VALUES)
def test_equal_keys_mean_equal_values(value, other):
    if canonical_key(repr(value)) == canonical_key(repr(other)):
        assert equal(canonical(repr(value)), canonical(repr(other)), absolute=1e-12, relative=1e-8)


@given(st.text())
def test_no_text_raises(text):
    for gold in (1, 1.5, "a", True, [1], (1, "b"), {"a": 1}, None):
        assert matches(text, gold) in (True, False)
    assert isinstance(canonical_key(text), str)


@given(st.text("[](){}:,'\"\\0123456789.eE+-_ TrueNa\ud800\n", max_size=60))
def test_no_text_that_looks_like_a_literal_raises_or_warns(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canonical_key(text)
        matches(text, [1, 2])


@pytest.mark.parametrize(
    "text",
    ["x", "[", "[1,", "1,", "'\\", '"', "{", "9", " ", "(((", "-", "$", "`", "'a' ", "[[[[1]]]]", "\ud800"],
)
def test_an_enormous_answer_is_fast(text):
    for length in (10**6, MAX_LENGTH):
        enormous = (text * (length // len(text) + 1))[:length]
        started = time.process_time()
        key = canonical_key(enormous)
        assert not matches(enormous, [1.5])
        assert time.process_time() - started < 0.1
        assert canonical_key(enormous) == key


def test_nesting_has_a_cap():
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert isinstance(canonical(deep), list)
    assert canonical(f"[{deep}]") == f"[{deep}]"


def test_types_are_kept_apart():
    assert not matches("1", True)
    assert not matches("True", 1)
    assert not matches("'5'", 5)
    assert not matches("[]", {})
    assert not matches("None", "")
    assert not matches("yes", True)
    assert not matches("{'a'}", ["a"])


def test_a_gold_text_is_not_taken_for_a_number():
    assert matches("0042", "0042")
    assert matches("'0042'", "0042")
    assert not matches("42", "0042")
    assert matches("1,234", "1,234")


def test_tolerance_is_for_floats_alone():
    assert matches("2.004", 2.0, absolute=0.01)
    assert not matches("2.02", 2.0, absolute=0.01)
    assert matches("[2.004, 3]", [2.0, 3], absolute=0.01)
    assert not matches("[2.0, 3.001]", [2.0, 3], absolute=0.01)
    assert not matches("2.0001", 2, absolute=0.01)
    assert matches("1000001", 1e6, relative=1e-5)
    assert matches("nan", float("nan"))
    assert not matches("9" * 400, 1.0)


def test_a_gold_that_is_no_plain_data_is_named():
    with pytest.raises(TypeError, match="gold must be plain data, got object"):
        equal(1, object())


def test_an_empty_answer_has_the_empty_key():
    assert canonical_key("") == canonical_key(" \n") == ""
    assert canonical_key("''") != ""
