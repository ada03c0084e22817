"""A model's text is one program or one answer, or it is illegal; nothing is guessed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.answers.blocks import unfenced
from sparring.envs.code.action import MAX_ACTION_LENGTH, parse_action


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("<execute>print(1)</execute>", "program", "print(1)"),
        ("<thought>I add.</thought>\n<execute>\nprint(1)\n</execute>\nDone.", "program", "print(1)"),
        ("<EXECUTE>\n  x = 1\n</Execute>", "program", "  x = 1"),
        ("First:\n```python\nprint(1)\n```", "program", "print(1)"),
        ("```py\nprint('```')\n```", "program", "print('```')"),
        ("<execute>\n```python\nprint(1)\n```\n</execute>", "program", "print(1)"),
        ("<execute>print('<answer>1</answer>')</execute>", "program", "print('<answer>1</answer>')"),
        ("<answer> 42 </answer>", "answer", "42"),
        ("<answer></answer>", "answer", ""),
        ("<answer>```python\nx = 1\n```</answer>", "answer", "```python\nx = 1\n```"),
        ("I would write <execute> and then <answer>1</answer>", "answer", "1"),
    ],
)
def test_one_program_or_one_answer_is_understood(text, kind, content):
    action = parse_action(text)
    assert (action.kind, action.text) == (kind, content)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither a program nor an answer"),
        ("print(1)", "neither a program nor an answer"),
        ("<execute>print(1)", "neither a program nor an answer"),
        ("<answer>42", "neither a program nor an answer"),
        ("```\nprint(1)\n```", "neither a program nor an answer"),
        ("<execute>print(1)</execute><answer>1</answer>", "1 programs and 1 answers"),
        ("<execute>1</execute><execute>2</execute>", "2 programs and 0 answers"),
        ("<answer>1</answer><answer>1</answer>", "0 programs and 2 answers"),
        ("<execute> \n </execute>", "program is empty"),
        ("<answer>" + "9" * MAX_ACTION_LENGTH + "</answer>", "at most 100000 characters"),
    ],
)
def test_anything_else_is_illegal_and_says_why(text, why):
    action = parse_action(text)
    assert action.kind == "illegal"
    assert why in action.text


@given(st.text() | st.text("<>/`execute answer python\n"))
def test_no_text_raises(text):
    assert parse_action(text).kind in ("program", "answer", "illegal")
    assert parse_action(f"<answer>{text}") is not None
    assert isinstance(unfenced(text, any_fence=True), str)


@pytest.mark.parametrize("text", ["<answer>", "<execute>", "```python\n", "</answer>", "```python\n```", " ", "```"])
def test_a_hostile_text_takes_linear_time(text):
    started = time.process_time()
    parse_action((text * MAX_ACTION_LENGTH)[:MAX_ACTION_LENGTH])
    parse_action("<execute>```" + (text * MAX_ACTION_LENGTH)[: MAX_ACTION_LENGTH - 50] + "\n```</execute>")
    assert time.process_time() - started < 0.5
