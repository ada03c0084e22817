"""The three ways to write an action: what is understood, and that nothing ambiguous is guessed."""

import json
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparring.answers.search_actions import MALFORMED, MOST_WRITTEN, STYLES, Action, parse, written

SEARCH, ANSWER, GIVE_UP = Action("search", "a b"), Action("answer", "a b"), Action("give_up")
TAGS = [
    ("<search>a b</search>", SEARCH),
    ("I think.\n<search>\n a  b </search> then", SEARCH),
    ("<answer>a b</answer>", ANSWER),
    ("<give_up/>", GIVE_UP),
    ("<give_up />", GIVE_UP),
    ("<give_up></give_up>", GIVE_UP),
    ("<search>a b</search><answer>c</answer>", SEARCH),  # the first complete tag decides
    ("<answer>a b</answer><give_up/>", ANSWER),
    ("<give_up/><answer>a b</answer>", GIVE_UP),
    ("I will <search> now: <answer>a b</answer>", ANSWER),  # an opening that is never closed is no tag
    ("</search><answer>a b</answer>", ANSWER),
    ("<search>a <search>b</search>", MALFORMED),
    ("<search>a <answer>b</answer></search>", MALFORMED),
    ("<answer><give_up/></answer>", MALFORMED),
    ("<search> \n </search>", MALFORMED),
    ("<search>a b", MALFORMED),
    ("<SEARCH>a b</SEARCH>", MALFORMED),
    ("a b", MALFORMED),
    ("", MALFORMED),
]
JSON = [
    ('{"search_query": "a b"}', SEARCH),
    ('{"search_query": "a  b", "reasoning": "because"}', SEARCH),
    ('```json\n{"search_query": "a b"}\n```', SEARCH),
    ('{"answer": "a b", "rationale": "c"}', ANSWER),
    ('{"give_up": true}', GIVE_UP),
    ('{"give_up": false}', MALFORMED),
    ('{"give_up": "true"}', MALFORMED),
    ('{"search_query": "a", "answer": "b"}', MALFORMED),
    ('{"answer": "a", "answer": "b"}', MALFORMED),
    ('{"answer": 7}', MALFORMED),
    ('{"answer": ""}', MALFORMED),
    ('{"answer": "a"} {"answer": "b"}', MALFORMED),
    ('so: {"answer": "a b"}', MALFORMED),
    ("[1]", MALFORMED),
    ("NaN", MALFORMED),
    ("[" * 10_000, MALFORMED),
    ('{"a":' * 3_000, MALFORMED),
]
CALLS = [
    ('{"name": "search", "arguments": {"query": "a b"}}', SEARCH),
    ('{"name": "search", "arguments": "{\\"query\\": \\"a b\\"}"}', SEARCH),
    ('{"type": "function", "function": {"name": "answer", "arguments": {"answer": "a b"}}}', ANSWER),
    ('<tool_call>\n{"name": "answer", "arguments": {"answer": "a b"}}\n</tool_call>', ANSWER),
    ('Let me see. <tool_call>{"name": "give_up", "arguments": {}}</tool_call>', GIVE_UP),
    ('{"name": "give_up"}', GIVE_UP),
    ('{"name": "delete", "arguments": {"query": "a b"}}', MALFORMED),
    ('{"name": "search", "arguments": {"answer": "a b"}}', MALFORMED),
    ('{"name": "search", "arguments": {"query": ["a b"]}}', MALFORMED),
    ('{"name": "search", "arguments": [1]}', MALFORMED),
    ('<tool_call>{"name": "give_up"}</tool_call><tool_call>{"name": "give_up"}</tool_call>', MALFORMED),
    ('<tool_call>{"name": "give_up"}', MALFORMED),
    ('{"name": ["search"], "arguments": {}}', MALFORMED),
]
ROWS = [(style, *row) for style, table in zip(STYLES, (TAGS, CALLS, JSON), strict=True) for row in table]


@pytest.mark.parametrize(("style", "text", "expected"), ROWS)
def test_a_text_is_understood_as_the_table_says(style, text, expected):
    assert parse(style, text) == expected


@pytest.mark.parametrize("style", STYLES)
@given(said=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
@example(said="</search><answer>42</answer>")
@example(said='```"}</tool_call>')
def test_what_is_written_is_read_again(style, said):
    plain = " ".join((re.sub("[<>]", " ", said) if style == "tags" else said).split())
    for kind in ("search", "answer"):
        assert parse(style, written(style, kind, said)) == (Action(kind, plain) if plain else MALFORMED)
    assert parse(style, written(style, "give_up")) == GIVE_UP


@pytest.mark.parametrize("style", STYLES)
@given(text=st.text())
def test_no_text_raises(style, text):
    assert parse(style, text).kind in ("search", "answer", "give_up", "malformed")


@pytest.mark.parametrize("style", STYLES)
def test_a_text_beyond_the_limit_is_malformed_and_one_at_the_limit_is_read_soon(style):
    assert parse(style, written(style, "search", "a" * MOST_WRITTEN)) == MALFORMED
    started = time.process_time()
    for unit in ("<search>", "<answer><search>", "</search>", '{"a":', "<tool_call>", "[", "```", "<give_up "):
        parse(style, unit * (MOST_WRITTEN // len(unit)))
    assert time.process_time() - started < 1.0


def test_surrogates_and_nul_bytes_do_not_reach_the_retriever():
    assert parse("tags", "<search>a\ud800\x00b</search>") == Action("search", "a?b")
    assert parse("json", json.dumps({"search_query": "a\udfffb"})) == Action("search", "a?b")
